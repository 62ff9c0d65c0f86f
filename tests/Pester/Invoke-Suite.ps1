# Runs one Pester suite and writes its results; ends with 1 when anything failed.
[CmdletBinding()]
param(
    [Parameter(Mandatory)]
    [string] $Path,

    # The manifest of Pester 5.
    [Parameter(Mandatory)]
    [string] $Pester,

    [Parameter(Mandatory)]
    [string] $ResultPath
)

Import-Module -Name $Pester
$configuration = New-PesterConfiguration
$configuration.Run.Path = $Path
$configuration.Run.PassThru = $true
$configuration.TestResult.Enabled = $true
$configuration.TestResult.OutputFormat = 'NUnit3'
$configuration.TestResult.OutputPath = $ResultPath
$configuration.Output.Verbosity = 'Detailed'
$result = Invoke-Pester -Configuration $configuration
exit [int]($result.Result -ne 'Passed')
