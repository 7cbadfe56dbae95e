# Lets the filters of this helpdesk see mailtriage's headers. Not needed on a trusted mail account.
#
# It belongs into Kernel/Config/Files/. All files there are loaded in the order of their names, this one
# after the settings of the administration pages, whose list (PostmasterX-Header) stays as it is: these
# names are added to whatever stands there.
package Kernel::Config::Files::ZZZMailtriage;

use strict;
use warnings;

my @Names = qw(
    X-Mailtriage
    X-Mailtriage-Priority
    X-Mailtriage-Score
    X-Mailtriage-Language
    X-Mailtriage-Skill
    X-Mailtriage-Skills
    X-Mailtriage-Tier
    X-Mailtriage-Churn
    X-Mailtriage-Mood
    X-Mailtriage-Topic
    X-Mailtriage-Kb
    X-Mailtriage-Answer
    X-Mailtriage-Kind
    X-Mailtriage-Thread
    X-Mailtriage-Ack
    X-Mailtriage-Route
    X-Mailtriage-Status
);

sub Load {
    my ( $File, $Self ) = @_;

    my $Headers = $Self->{'PostmasterX-Header'};
    return 1 if ref $Headers ne 'ARRAY';

    my %There = map { $_ => 1 } @{$Headers};
    push @{$Headers}, grep { !$There{$_} } @Names;

    return 1;
}

1;
