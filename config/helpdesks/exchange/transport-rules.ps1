<#
.SYNOPSIS
    Mail flow rules for the tags of mailtriage: Exchange Online, or Exchange Server 2013 and later.

.DESCRIPTION
    Makes, or brings up to date, one rule each, all of them named "mailtriage ...":

    strip       for every field of ours: removes it from mail that your Postfix did not hand in.
    importance  sets Importance from X-Mailtriage-Priority, over whatever the sender claimed.
    route       redirects by skill and language, only where -Routes, -Skills or -Languages say so.

    A rule is known by its name: a second run changes what is there and makes nothing twice. Those
    of our names that are no longer wanted are listed, not removed. No other rule is touched.

    Run it with -WhatIf first: it lists what it would do, and does nothing.

.PARAMETER Mailbox
    Primary addresses of the service mailboxes. Rules do not see other addresses of a mailbox.

.PARAMETER MailtriageServers
    The addresses from which your Postfix hands mail in to Exchange, such as 203.0.113.25 or
    203.0.113.0/28.
    Mail from anywhere else loses our fields, and no rule acts on it.

.PARAMETER Routes
    Skill and language to mailbox: @{ 'billing-de' = 'billing-de@desk.example' }. Before -Skills.

.PARAMETER Skills
    Skill to mailbox: @{ 'billing' = 'billing@desk.example' }. Before -Languages.

.PARAMETER Languages
    Language to mailbox: @{ 'de' = 'german@desk.example' }.

.PARAMETER Mode
    Enforce, or Audit: then Exchange only notes in its message tracking what a rule would have done.

.EXAMPLE
    ./transport-rules.ps1 -Mailbox help@desk.example -MailtriageServers 203.0.113.25 -WhatIf

.NOTES
    Exchange Online: Install-Module ExchangeOnlineManagement, then Connect-ExchangeOnline.
    Exchange Server: run it in the Exchange Management Shell.
    New and changed rules can take half an hour to be applied.
#>
[CmdletBinding(SupportsShouldProcess = $true, ConfirmImpact = 'Medium')]
param(
    [Parameter(Mandatory = $true)]
    [string[]] $Mailbox,

    [Parameter(Mandatory = $true)]
    [string[]] $MailtriageServers,

    [hashtable] $Routes = @{},

    [hashtable] $Skills = @{},

    [hashtable] $Languages = @{},

    [ValidateSet('Audit', 'Enforce')]
    [string] $Mode = 'Enforce'
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

# Every field that mailtriage sends (docs/headers.md).
$OurFields = @(
    'X-Mailtriage'
    'X-Mailtriage-Priority'
    'X-Mailtriage-Score'
    'X-Mailtriage-Language'
    'X-Mailtriage-Skill'
    'X-Mailtriage-Skills'
    'X-Mailtriage-Tier'
    'X-Mailtriage-Churn'
    'X-Mailtriage-Mood'
    'X-Mailtriage-Topic'
    'X-Mailtriage-Kb'
    'X-Mailtriage-Answer'
    'X-Mailtriage-Kind'
    'X-Mailtriage-Thread'
    'X-Mailtriage-Ack'
    'X-Mailtriage-Ack-Rule'
    'X-Mailtriage-Route'
    'X-Mailtriage-Sender-Marked'
    'X-Mailtriage-Why'
    'X-Mailtriage-Seal'
    'X-Mailtriage-Status'
    'X-Mailtriage-Dry-Run'
)

# Words of X-Mailtriage-Priority, and the Importance that Outlook shows for them.
$Importance = @(
    @{ Words = @('urgent', 'high'); Value = 'High' }
    @{ Words = @('normal'); Value = 'Normal' }
    @{ Words = @('low'); Value = 'Low' }
)

$Prefix = 'mailtriage '
$LongestName = 64

function Get-SortedKey {
    # The keys of a table, checked: they go into patterns and must mean nothing there.
    param([hashtable] $Table, [string] $Pattern, [string] $What)
    foreach ($key in ($Table.Keys | Sort-Object)) {
        if ($key -cnotmatch $Pattern) {
            throw "'$key' is no $What"
        }
        $key
    }
}

$routeKeys = @(Get-SortedKey $Routes '^[a-z0-9_-]+-[a-z]{2,8}$' 'skill and language (billing-de)')
$skillKeys = @(Get-SortedKey $Skills '^[a-z0-9_-]+$' 'skill')
$languageKeys = @(Get-SortedKey $Languages '^[a-z]{2,8}$' 'language')

$wanted = @()

foreach ($field in $OurFields) {
    $wanted += @{
        Name                       = $Prefix + 'strip ' + $field
        HeaderMatchesMessageHeader = $field
        HeaderMatchesPatterns      = @('\S')
        ExceptIfSenderIpRanges     = $MailtriageServers
        RemoveHeader               = $field
    }
}

foreach ($level in $Importance) {
    $wanted += @{
        Name                        = $Prefix + 'importance ' + $level.Value
        SentTo                      = $Mailbox
        SenderIpRanges              = $MailtriageServers
        HeaderContainsMessageHeader = 'X-Mailtriage-Priority'
        HeaderContainsWords         = $level.Words
        SetHeaderName               = 'Importance'
        SetHeaderValue              = $level.Value
    }
}

# Redirecting rules exclude each other by exceptions: all that match are applied, and two would send
# the mail to two mailboxes. For skills a pattern, as the word "billing" would also be found in
# "billing-abroad".
$exactRoutes = @()
foreach ($key in $routeKeys) {
    $exactRoutes += '^\s*' + $key + '\s*$'
    $wanted += @{
        Name                       = $Prefix + 'route ' + $key
        SentTo                     = $Mailbox
        SenderIpRanges             = $MailtriageServers
        HeaderMatchesMessageHeader = 'X-Mailtriage-Route'
        HeaderMatchesPatterns      = @('^\s*' + $key + '\s*$')
        RedirectMessageTo          = $Routes[$key]
    }
}

$skillRoutes = @()
foreach ($key in $skillKeys) {
    $skillRoutes += '^\s*' + $key + '-[a-z]+\s*$'
    $rule = @{
        Name                       = $Prefix + 'skill ' + $key
        SentTo                     = $Mailbox
        SenderIpRanges             = $MailtriageServers
        HeaderMatchesMessageHeader = 'X-Mailtriage-Skill'
        HeaderMatchesPatterns      = @('^\s*' + $key + '\s*$')
        RedirectMessageTo          = $Skills[$key]
    }
    if ($exactRoutes.Count -gt 0) {
        $rule['ExceptIfHeaderMatchesMessageHeader'] = 'X-Mailtriage-Route'
        $rule['ExceptIfHeaderMatchesPatterns'] = $exactRoutes
    }
    $wanted += $rule
}

foreach ($key in $languageKeys) {
    $rule = @{
        Name                        = $Prefix + 'language ' + $key
        SentTo                      = $Mailbox
        SenderIpRanges              = $MailtriageServers
        HeaderContainsMessageHeader = 'X-Mailtriage-Language'
        HeaderContainsWords         = @($key)
        RedirectMessageTo           = $Languages[$key]
    }
    if (($exactRoutes.Count + $skillRoutes.Count) -gt 0) {
        $rule['ExceptIfHeaderMatchesMessageHeader'] = 'X-Mailtriage-Route'
        $rule['ExceptIfHeaderMatchesPatterns'] = $exactRoutes + $skillRoutes
    }
    $wanted += $rule
}

$existing = @(
    Get-TransportRule -ResultSize Unlimited |
        Where-Object { $_.Name -like ($Prefix + '*') } |
        ForEach-Object { $_.Name }
)

foreach ($rule in $wanted) {
    $name = $rule['Name']
    if ($name.Length -gt $LongestName) {
        throw "'$name' is longer than the $LongestName characters that Exchange allows"
    }
    $settings = $rule.Clone()
    $settings.Remove('Name')
    $settings['Mode'] = $Mode
    # ShouldProcess here: -WhatIf of a script does not reach the commands of a module.
    if ($existing -contains $name) {
        # What an earlier run has set and this one does not want has to be taken back.
        foreach ($key in 'ExceptIfHeaderMatchesMessageHeader', 'ExceptIfHeaderMatchesPatterns') {
            if (-not $settings.ContainsKey($key)) {
                $settings[$key] = $null
            }
        }
        if ($PSCmdlet.ShouldProcess($name, 'Set-TransportRule')) {
            Set-TransportRule -Identity $name @settings
        }
    }
    elseif ($PSCmdlet.ShouldProcess($name, 'New-TransportRule')) {
        New-TransportRule -Name $name @settings | Out-Null
    }
}

$names = @($wanted | ForEach-Object { $_['Name'] })
foreach ($name in $existing) {
    if ($names -notcontains $name) {
        Write-Warning "no longer wanted: Remove-TransportRule -Identity '$name'"
    }
}
