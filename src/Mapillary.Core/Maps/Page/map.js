'use strict';
(() => {
  const $ = id => document.getElementById(id);
  const data = JSON.parse($('data').textContent);
  const canvas = $('map'), bars = $('bars'), picker = [$('from'), $('to')];
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const EARTH = 40075016.686; // metres around the equator
  const GAP = 14, CELL = 8; // pixels between photos that are drawn: along a sequence, and of different ones
  const LISTED = 300;
  const number = n => n.toLocaleString('en');
  const plural = (n, word) => `${number(n)} ${word}${n === 1 ? '' : 's'}`;
  const utc = (t, from = 0, to = 19) => new Date(t).toISOString().replace('T', ' ').slice(from, to);

  // The columns of all sequences, one behind the other.
  const total = data.sequences.reduce((sum, s) => sum + s.ids.length, 0);
  const column = () => new Float64Array(total).fill(NaN);
  const lon = column(), lat = column(), time = column(), altitude = column(), direction = column(), camera = column(), user = column(), place = column();
  const x = column(), y = column();
  const sequenceOf = new Uint32Array(total);
  const ids = [];
  const unpack = (deltas, into, at, unit) => {
    let value = 0;
    (deltas || []).forEach((delta, i) => { if (delta !== null) into[at + i] = (value += delta) / unit; });
  };
  data.sequences.forEach((s, number) => {
    s.number = number;
    s.start = ids.length;
    for (const id of s.ids) ids.push(id);
    s.end = ids.length;
    sequenceOf.fill(number, s.start, s.end);
    unpack(s.x, lon, s.start, 1e6);
    unpack(s.y, lat, s.start, 1e6);
    unpack(s.time, time, s.start, 1);
    unpack(s.altitude, altitude, s.start, 10);
    unpack(s.direction, direction, s.start, 1);
    unpack(s.camera, camera, s.start, 1);
    unpack(s.user, user, s.start, 1);
    unpack(s.place, place, s.start, 1);
  });
  const isPanorama = i => data.cameras[camera[i]][2] === 1;

  // The world as a square of side 1 (Mercator), cut open where there are no photos, so that what lies around the antimeridian stays together.
  const west = (() => {
    const used = new Uint8Array(360);
    for (let i = 0; i < total; i++) used[Math.floor(lon[i] + 180) % 360] = 1;
    if (used[0] === 0 || used[359] === 0) return -180;
    let best = 0, cut = 0;
    for (let i = 0, run = 0; i < 360; i++) {
      run = used[i] ? 0 : run + 1;
      if (run > best) { best = run; cut = i - Math.floor(run / 2); }
    }
    return best ? cut - 180 : -180;
  })();
  const worldX = degrees => ((degrees - west + 360) % 360) / 360;
  const worldY = degrees => {
    const sine = Math.sin(Math.max(-85.0511, Math.min(85.0511, degrees)) * Math.PI / 180);
    return 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
  };
  const degreesX = value => (value * 360 + west + 540) % 360 - 180;
  const degreesY = value => Math.atan(Math.sinh(Math.PI * (1 - 2 * value))) * 180 / Math.PI;
  for (let i = 0; i < total; i++) { x[i] = worldX(lon[i]); y[i] = worldY(lat[i]); }
  const boundsOf = (start, end) => {
    const b = [1, 1, 0, 0];
    for (let i = start; i < end; i++) {
      if (x[i] < b[0]) b[0] = x[i];
      if (y[i] < b[1]) b[1] = y[i];
      if (x[i] > b[2]) b[2] = x[i];
      if (y[i] > b[3]) b[3] = y[i];
    }
    return b;
  };
  for (const s of data.sequences) s.bounds = boundsOf(s.start, s.end);

  // Times that cannot be right lie outside of it.
  const [first, last] = data.span ?? [Infinity, -Infinity];
  let panoramas = 0;
  for (let i = 0; i < total; i++) if (isPanorama(i)) panoramas++;
  const isDated = first < last;
  const tracks = data.sequences.filter(s => s.id !== null).length;

  let width = 0, height = 0, theme = {}, colours = [];
  let view = { x: 0.5, y: 0.5, scale: 256 };
  let from = -Infinity, to = Infinity, chosen = -1, chosenSequence = -1, wanted = false, moved = 0, isWhole = false;
  const isShown = i => from === -Infinity && to === Infinity || time[i] >= from && time[i] <= to;
  const screenX = value => (value - view.x) * view.scale + width / 2;
  const screenY = value => (value - view.y) * view.scale + height / 2;

  function readTheme() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ['paper', 'ink', 'soft', 'grid', 'accent', 'halo', 'saturation', 'lightness', 'edge']) theme[name] = style.getPropertyValue('--' + name).trim();
    // The golden angle keeps neighbours in the list apart.
    colours = data.sequences.map((s, i) => s.id === null ? theme.soft : `hsl(${(210 + i * 137.508) % 360} ${theme.saturation} ${theme.lightness})`);
    document.querySelectorAll('#list i').forEach((swatch, i) => { swatch.style.background = colours[i]; });
    redraw();
  }

  function redraw() {
    if (wanted) return;
    wanted = true;
    requestAnimationFrame(() => { wanted = false; draw(); });
  }

  function fit(bounds, most) {
    const side = Math.max(60, Math.min(width, height) * 0.12);
    const wide = Math.max(bounds[2] - bounds[0], 1e-9), high = Math.max(bounds[3] - bounds[1], 1e-9);
    view.x = (bounds[0] + bounds[2]) / 2;
    view.y = (bounds[1] + bounds[3]) / 2;
    // No photo lies under the buttons.
    view.scale = Math.min((width - Math.max(side, 136)) / wide, (height - side) / high, most);
    isWhole = false;
    limit();
  }

  // From the whole world to a centimetre a pixel.
  const bounded = scale => Math.max(Math.min(width, height) * 0.8, Math.min(scale, 4e9));
  function limit() {
    view.scale = bounded(view.scale);
    view.x = Math.max(0, Math.min(1, view.x));
    view.y = Math.max(0, Math.min(1, view.y));
    redraw();
  }

  function fitAll() {
    fit(boundsOf(0, total), 3e8);
    isWhole = true;
  }

  function zoom(factor, atX = width / 2, atY = height / 2) {
    const before = view.scale;
    view.scale = bounded(view.scale * factor);
    isWhole = false;
    const share = 1 / before - 1 / view.scale;
    view.x += (atX - width / 2) * share;
    view.y += (atY - height / 2) * share;
    limit();
  }

  function pan(dx, dy) {
    view.x -= dx / view.scale;
    view.y -= dy / view.scale;
    isWhole = false;
    limit();
  }

  const STEPS = [30, 20, 10, 5, 2, 1];
  function graticule(g) {
    let step = 45;
    for (let unit = 1; unit > 1e-6; unit /= 10) for (const s of STEPS) if (s * unit < step && s * unit / 360 * view.scale >= 110) step = s * unit;
    const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
    const left = view.x - width / 2 / view.scale, right = view.x + width / 2 / view.scale;
    const top = view.y - height / 2 / view.scale, bottom = view.y + height / 2 / view.scale;
    g.lineWidth = 1;
    g.strokeStyle = theme.grid;
    g.fillStyle = theme.soft;
    g.font = '11px system-ui, sans-serif';
    g.beginPath();
    const labels = [];
    const label = (degrees, positive, negative) => `${Math.abs(degrees).toFixed(digits)}°${Math.abs(degrees) < step / 2 || Math.abs(degrees) > 180 - step / 2 ? '' : degrees > 0 ? ' ' + positive : ' ' + negative}`;
    for (let k = Math.ceil((Math.max(0, left) * 360 + west) / step); k * step <= Math.min(1, right) * 360 + west; k++) {
      const at = Math.round(screenX((k * step - west) / 360)) + 0.5;
      g.moveTo(at, 0);
      g.lineTo(at, height);
      const degrees = (k * step + 540) % 360 - 180;
      if (at > 60 && at < width - 130) labels.push([label(degrees, 'E', 'W'), at + 4, 14, 'left']);
    }
    for (let k = Math.ceil(degreesY(Math.min(1, bottom)) / step); k * step <= degreesY(Math.max(0, top)); k++) {
      const at = Math.round(screenY(worldY(k * step))) + 0.5;
      g.moveTo(0, at);
      g.lineTo(width, at);
      if (at > 70 && at < height - 60) labels.push([label(k * step, 'N', 'S'), 6, at - 4, 'left']);
    }
    g.stroke();
    for (const [text, atX, atY, align] of labels) { g.textAlign = align; g.fillText(text, atX, atY); }
  }

  function scaleBar(g) {
    const metres = Math.cos(degreesY(view.y) * Math.PI / 180) * EARTH / view.scale;
    const most = Math.min(130, width / 3) * metres, power = 10 ** Math.floor(Math.log10(most));
    const length = [5, 2, 1].map(n => n * power).find(n => n <= most);
    const pixels = length / metres, base = height - 14;
    g.strokeStyle = g.fillStyle = theme.ink;
    g.lineWidth = 2;
    g.beginPath();
    g.moveTo(15, base - 6); g.lineTo(15, base); g.lineTo(15 + pixels, base); g.lineTo(15 + pixels, base - 6);
    g.stroke();
    g.font = '12px system-ui, sans-serif';
    g.textAlign = 'left';
    g.fillText(length >= 1000 ? `${number(length / 1000)} km` : length >= 1 ? `${length} m` : `${Math.round(length * 100)} cm`, 20, base - 6);
  }

  function line(g, s, colour, thick) {
    g.beginPath();
    let pen = false, atX = 0, atY = 0, lastX = 0;
    for (let i = s.start; i < s.end; i++) {
      if (!isShown(i)) { pen = false; continue; }
      const px = screenX(x[i]), py = screenY(y[i]);
      // Nothing runs around the world.
      if (pen && Math.abs(x[i] - lastX) > 0.5) pen = false;
      lastX = x[i];
      if (!pen) g.moveTo(px, py);
      else if (Math.abs(px - atX) + Math.abs(py - atY) < 1.5 && i < s.end - 1) continue;
      else g.lineTo(px, py);
      pen = true;
      atX = px;
      atY = py;
    }
    g.lineWidth = thick;
    g.strokeStyle = colour;
    g.stroke();
  }

  function dot(g, i, radius) {
    const px = screenX(x[i]), py = screenY(y[i]), colour = colours[sequenceOf[i]], round = isPanorama(i);
    g.fillStyle = colour;
    if (!Number.isNaN(direction[i])) {
      const angle = (direction[i] - 90) * Math.PI / 180;
      g.globalAlpha = 0.45;
      g.beginPath();
      g.moveTo(px, py);
      g.arc(px, py, radius * 3.2, angle - 0.5, angle + 0.5);
      g.fill();
      g.globalAlpha = 1;
    }
    g.beginPath();
    g.arc(px, py, radius, 0, 7);
    g.fill();
    g.strokeStyle = theme.halo;
    g.lineWidth = 1;
    g.stroke();
    if (round) {
      g.beginPath();
      g.arc(px, py, radius + 3.5, 0, 7);
      g.strokeStyle = colour;
      g.lineWidth = 1.6;
      g.stroke();
    }
  }

  function draw() {
    const g = canvas.getContext('2d'), ratio = devicePixelRatio || 1;
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.fillStyle = theme.paper;
    g.fillRect(0, 0, width, height);
    graticule(g);
    g.lineJoin = g.lineCap = 'round';

    const left = view.x - (width / 2 + 20) / view.scale, right = view.x + (width / 2 + 20) / view.scale;
    const top = view.y - (height / 2 + 20) / view.scale, bottom = view.y + (height / 2 + 20) / view.scale;
    const visible = data.sequences.filter(s => s.bounds[0] <= right && s.bounds[2] >= left && s.bounds[1] <= bottom && s.bounds[3] >= top);
    for (const s of visible) {
      if (s.id !== null && s !== data.sequences[chosenSequence]) line(g, s, colours[s.number], 2.2);
    }
    const bold = data.sequences[chosenSequence];
    if (bold && bold.id !== null) {
      line(g, bold, theme.halo, 8);
      line(g, bold, colours[chosenSequence], 4.5);
    }

    // Along a sequence one photo every so many pixels, and where sequences meet one to a cell. Both lie in the world, so that what is
    // drawn stays when the map moves.
    const gap = GAP / view.scale, cell = CELL / view.scale;
    const firstColumn = Math.floor(left / cell), firstRow = Math.floor(top / cell), columns = Math.floor(right / cell) - firstColumn + 1;
    const taken = new Uint8Array(columns * (Math.floor(bottom / cell) - firstRow + 1));
    const drawn = [];
    let inView = 0;
    for (const s of visible) {
      let lastX = Infinity, lastY = Infinity;
      for (let i = s.start; i < s.end; i++) {
        if (!isShown(i)) continue;
        const isInView = x[i] >= left && x[i] <= right && y[i] >= top && y[i] <= bottom;
        if (isInView) inView++;
        if (Math.hypot(x[i] - lastX, y[i] - lastY) < gap) continue;
        lastX = x[i];
        lastY = y[i];
        if (!isInView) continue;
        const at = Math.floor(x[i] / cell) - firstColumn + (Math.floor(y[i] / cell) - firstRow) * columns;
        if (taken[at]) continue;
        taken[at] = 1;
        drawn.push(i);
      }
    }
    const radius = drawn.length > 2000 ? 2.4 : 3.4;
    for (const i of drawn) dot(g, i, radius);
    if (chosen >= 0) {
      dot(g, chosen, 6);
      g.beginPath();
      g.arc(screenX(x[chosen]), screenY(y[chosen]), 13, 0, 7);
      g.strokeStyle = theme.ink;
      g.lineWidth = 2;
      g.stroke();
    }
    scaleBar(g);
    const text = drawn.length === inView
      ? `${plural(inView, 'photo')} in view`
      : `${number(drawn.length)} of ${plural(inView, 'photo')} drawn; zoom in for all`;
    // What is set is read out, even when it says the same.
    if ($('status').textContent !== text) $('status').textContent = text;
  }

  function drawBars() {
    const ratio = devicePixelRatio || 1, wide = bars.clientWidth, high = bars.clientHeight;
    bars.width = wide * ratio;
    bars.height = high * ratio;
    const g = bars.getContext('2d');
    g.scale(ratio, ratio);
    const count = Math.max(20, Math.floor(wide / 5)), sums = new Float64Array(count);
    for (let i = 0; i < total; i++) if (time[i] >= first && time[i] <= last) sums[Math.min(count - 1, Math.floor((time[i] - first) / (last - first) * count))]++;
    const most = Math.max(...sums), bar = wide / count;
    g.fillStyle = theme.edge;
    g.fillRect(0, high - 1, wide, 1);
    for (let k = 0; k < count; k++) {
      if (!sums[k]) continue;
      const start = first + k / count * (last - first), end = first + (k + 1) / count * (last - first);
      g.fillStyle = end >= from && start <= to ? theme.accent : theme.edge;
      // The root lets a day of few photos be seen beside one of many.
      const tall = Math.max(3, Math.sqrt(sums[k] / most) * (high - 4));
      g.fillRect(k * bar, high - tall, Math.max(2, bar - 1), tall);
    }
  }

  function setTime(changed) {
    let a = +picker[0].value, b = +picker[1].value;
    if (a > b) {
      if (changed === picker[0]) b = a; else a = b;
      picker[0].value = a;
      picker[1].value = b;
    }
    const at = step => first + step / 1000 * (last - first);
    const whole = a === 0 && b === 1000;
    from = whole ? -Infinity : at(a);
    to = whole ? Infinity : at(b);
    // At the right end the upper handle would hide the lower one.
    picker[0].style.zIndex = a > 500 ? 1 : 0;
    const text = step => utc(at(step), 0, last - first < 3.6e6 ? 19 : 16);
    picker[0].setAttribute('aria-valuetext', text(a) + ' UTC');
    picker[1].setAttribute('aria-valuetext', text(b) + ' UTC');
    $('span').textContent = `${text(a)} – ${text(b)} UTC`;
    $('whole').hidden = whole;
    drawBars();
    redraw();
  }

  function nearest(atX, atY, reach) {
    let best = -1, distance = reach * reach;
    for (let i = 0; i < total; i++) {
      const dx = screenX(x[i]) - atX, dy = screenY(y[i]) - atY, d = dx * dx + dy * dy;
      if (d <= distance && isShown(i) && (d < distance || best < 0)) { best = i; distance = d; }
    }
    return best;
  }

  const degrees = (value, positive, negative) => `${Math.abs(value).toFixed(6)}° ${value < 0 ? negative : positive}`;
  function choose(i) {
    chosen = i;
    $('card').hidden = i < 0;
    if (i < 0) { chooseSequence(-1); return; }
    const s = data.sequences[sequenceOf[i]], [model, type] = data.cameras[camera[i]];
    const facts = [
      ['Photo', ids[i]],
      ['Captured', Number.isNaN(time[i]) ? 'time unknown' : utc(time[i], 0, 23) + ' UTC'],
      ['Camera', model || 'unknown'],
      ['Type', (isPanorama(i) ? 'panorama' : 'photo') + (type ? `, ${type}` : '')],
      ['Position', `${degrees(lat[i], 'N', 'S')}, ${degrees(lon[i], 'E', 'W')}`],
      ['Altitude', Number.isNaN(altitude[i]) ? null : `${altitude[i].toFixed(1)} m`],
      ['Looks to', Number.isNaN(direction[i]) ? null : `${direction[i] % 360}° ${['N', 'NE', 'E', 'SE', 'S', 'SW', 'W', 'NW'][Math.round(direction[i] / 45) % 8]}`],
      ['By', Number.isNaN(user[i]) ? null : data.users[user[i]]],
      ['Sequence', s.id === null ? 'none' : `${s.id} (${number(i - s.start + 1)} of ${number(s.end - s.start)})`],
    ];
    $('facts').replaceChildren(...facts.filter(f => f[1] !== null).flatMap(([name, value]) => {
      const term = document.createElement('dt'), text = document.createElement('dd');
      term.textContent = name;
      text.textContent = value;
      return [term, text];
    }));
    $('page').href = `{before the id}${encodeURIComponent(ids[i])}{behind the id}`;
    const hasPicture = !Number.isNaN(place[i]);
    $('picture').hidden = !hasPicture;
    if (hasPicture) {
      const [before, after] = data.places[place[i]];
      const address = after === undefined ? before : before + encodeURIComponent(ids[i]) + after;
      $('picture').href = $('photo').src = address;
      $('photo').alt = `The photo ${ids[i]}`;
    } else {
      $('photo').removeAttribute('src');
    }
    $('previous').disabled = i === s.start;
    $('next').disabled = i === s.end - 1;
    chooseSequence(sequenceOf[i]);
  }
  // The file may have gone into a tar since.
  $('photo').addEventListener('error', () => { $('picture').hidden = true; });

  function chooseSequence(n) {
    chosenSequence = n;
    document.querySelectorAll('#list button').forEach((button, i) => button.setAttribute('aria-pressed', i === n));
    redraw();
  }

  function go(step) {
    if (chosen < 0) return;
    const s = data.sequences[sequenceOf[chosen]], i = chosen + step;
    if (i < s.start || i >= s.end) return;
    choose(i);
    reveal(i, 40);
  }

  // On a small screen the card lies over the lower part of the map.
  function reveal(i, margin) {
    const free = getComputedStyle($('card')).position === 'fixed' ? $('card').getBoundingClientRect().top - canvas.getBoundingClientRect().top : height;
    const bottom = free < 100 ? height : Math.min(free - 20, height);
    const px = screenX(x[i]), py = screenY(y[i]);
    if (px >= margin && py >= margin && px <= width - margin && py <= bottom - margin) return;
    view.x = x[i];
    view.y = y[i] + (height - bottom) / 2 / view.scale;
    isWhole = false;
    limit();
  }

  // Mouse, touch and pen.
  const pointers = new Map();
  const pointOf = event => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  canvas.addEventListener('pointerdown', event => {
    canvas.setPointerCapture(event.pointerId);
    if (pointers.size === 0) moved = 0;
    pointers.set(event.pointerId, pointOf(event));
    canvas.classList.add('dragging');
  });
  canvas.addEventListener('pointermove', event => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = pointOf(event);
    moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
    pointers.set(event.pointerId, now);
    if (pointers.size === 1) {
      if (moved > 6) pan(now[0] - before[0], now[1] - before[1]);
    } else if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const was = Math.hypot(before[0] - other[0], before[1] - other[1]), is = Math.hypot(now[0] - other[0], now[1] - other[1]);
      pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
      if (was > 0 && is > 0) zoom(is / was, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    }
  });
  const release = event => {
    if (!pointers.delete(event.pointerId)) return;
    if (pointers.size === 0) canvas.classList.remove('dragging');
    if (event.type === 'pointerup' && moved <= 6 && pointers.size === 0) {
      choose(nearest(...pointOf(event), event.pointerType === 'mouse' ? 14 : 26));
      if (chosen >= 0) reveal(chosen, 0);
    }
  };
  canvas.addEventListener('pointerup', release);
  canvas.addEventListener('pointercancel', release);
  canvas.addEventListener('wheel', event => {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    zoom(Math.exp(-Math.max(-240, Math.min(240, event.deltaY * lines)) / 300), ...pointOf(event));
  }, { passive: false });
  canvas.addEventListener('dblclick', event => zoom(2, ...pointOf(event)));

  const keys = {
    ArrowLeft: () => pan(80, 0), ArrowRight: () => pan(-80, 0), ArrowUp: () => pan(0, 80), ArrowDown: () => pan(0, -80),
    '+': () => zoom(1.6), '=': () => zoom(1.6), '-': () => zoom(1 / 1.6), '0': fitAll, Home: fitAll,
    Enter: () => choose(nearest(width / 2, height / 2, Infinity)), n: () => go(1), p: () => go(-1),
  };
  canvas.addEventListener('keydown', event => {
    const key = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!key || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    key();
  });
  document.addEventListener('keydown', event => { if (event.key === 'Escape' && chosen + chosenSequence > -2) choose(-1); });

  $('closer').addEventListener('click', () => zoom(1.6));
  $('farther').addEventListener('click', () => zoom(1 / 1.6));
  $('all').addEventListener('click', fitAll);
  $('previous').addEventListener('click', () => go(-1));
  $('next').addEventListener('click', () => go(1));
  $('close').addEventListener('click', () => { choose(-1); canvas.focus(); });
  for (const input of picker) input.addEventListener('input', () => setTime(input));
  $('whole').addEventListener('click', () => { picker[0].value = 0; picker[1].value = 1000; setTime(picker[0]); picker[0].focus(); });

  // What there is, in words.
  const span = first > last ? [] : [utc(first, 0, 10) === utc(last, 0, 10) ? utc(first, 0, 10) : `${utc(first, 0, 10)} to ${utc(last, 0, 10)}`];
  $('summary').textContent = [
    plural(total, 'photo'), plural(tracks, 'sequence'), ...(panoramas ? [plural(panoramas, 'panorama')] : []), ...span,
    ...(data.withoutPosition ? [`${plural(data.withoutPosition, 'photo')} without a position not shown`] : []),
  ].join(' · ');
  $('list').replaceChildren(...data.sequences.slice(0, LISTED).map((s, n) => {
    const item = document.createElement('li'), button = document.createElement('button');
    const swatch = document.createElement('i'), when = document.createElement('b'), count = document.createElement('span'), what = document.createElement('small');
    when.textContent = Number.isNaN(time[s.start]) ? 'time unknown' : utc(time[s.start], 0, 16);
    count.textContent = number(s.end - s.start);
    count.setAttribute('aria-label', plural(s.end - s.start, 'photo'));
    const models = [...new Set(Array.from(camera.subarray(s.start, s.end)))].map(c => data.cameras[c][0]).filter(name => name !== null);
    what.textContent = [s.id === null ? 'without a sequence' : null, [...new Set(models)].slice(0, 3).join(', ')].filter(Boolean).join(', ') || 'camera unknown';
    button.type = 'button';
    button.title = s.id === null ? 'Photos without a sequence' : `Sequence ${s.id}`;
    button.append(swatch, when, count, what);
    button.addEventListener('click', () => {
      choose(-1);
      chooseSequence(n);
      fit(s.bounds, 1e9);
      $('stage').scrollIntoView({ block: 'nearest', behavior: calm ? 'auto' : 'smooth' });
    });
    item.append(button);
    return item;
  }));
  if (data.sequences.length > LISTED) {
    $('more').textContent = `and ${number(data.sequences.length - LISTED)} more; all are on the map.`;
    $('more').hidden = false;
  }
  $('time').hidden = !isDated;

  function resize() {
    const ratio = devicePixelRatio || 1, isFirst = width === 0;
    width = canvas.clientWidth;
    height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    if (isFirst || isWhole) fitAll();
    limit();
    // At once: a new size clears the canvas, and the next frame is too late not to be seen.
    draw();
    if (isDated) drawBars();
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { readTheme(); if (isDated) drawBars(); });
  readTheme();
  if (isDated) setTime(picker[0]);
  new ResizeObserver(resize).observe($('stage'));
  resize();
})();
