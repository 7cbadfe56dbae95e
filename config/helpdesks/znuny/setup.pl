#!/usr/bin/env perl
# Prepares Znuny, OTRS 6 or OTOBO for mailtriage. Run it as the user of the helpdesk, from its directory,
# as often as you like:
#
#     cd /opt/znuny && perl /path/to/setup.pl               makes the dynamic fields, lists mail accounts
#     cd /opt/znuny && perl /path/to/setup.pl --trust 2     ... and trusts mail account 2
#
# Trust an account only if all of its mail passes mailtriage: whoever can write X-OTRS-* (X-OTOBO-*) into a
# trusted account can choose queue, owner and state, or have a mail dropped.

use strict;
use warnings;

use Cwd qw(getcwd);
use Getopt::Long qw(GetOptions);

my $Trust;
GetOptions( 'trust=i' => \$Trust ) || die "usage: setup.pl [--trust NUMBER-OF-MAIL-ACCOUNT]\n";

my $Home = getcwd();
die "Run this from the directory of the helpdesk, such as /opt/znuny\n" if !-d "$Home/Kernel/System";
die "Run this as the user of the helpdesk, not as root: files of its cache would be root's\n" if !$>;

unshift @INC, $Home, "$Home/Kernel/cpan-lib", "$Home/Custom";
require Kernel::System::ObjectManager;

## no critic: the objects of the helpdesk look for this very name.
local $Kernel::OM = Kernel::System::ObjectManager->new(
    'Kernel::System::Log' => { LogPrefix => 'mailtriage-setup' },
);

# The one who does what nobody did: root@localhost, number 1 in every installation.
my $UserID = 1;

MakeFields();
TrustAccount($Trust) if defined $Trust;
ListAccounts();

# Texts, not selections: a language that nobody listed would not be shown.
sub MakeFields {
    my $DynamicFieldObject = $Kernel::OM->Get('Kernel::System::DynamicField');

    my %There = reverse %{
        $DynamicFieldObject->DynamicFieldList( Valid => 0, ResultType => 'HASH' ) || {}
    };
    my $Order = keys %There;

    for my $What (qw(Language Skill Tier Churn Mood Thread)) {
        my $Name = "Triage$What";
        if ( $There{$Name} ) {
            print "field $Name is there\n";
            next;
        }
        my $ID = $DynamicFieldObject->DynamicFieldAdd(
            Name       => $Name,
            Label      => "Triage: $What",
            FieldOrder => ++$Order,
            FieldType  => 'Text',
            ObjectType => 'Ticket',
            Config     => { DefaultValue => '' },
            ValidID    => 1,
            UserID     => $UserID,
        );
        die "field $Name could not be made; the log of the helpdesk says why\n" if !$ID;
        print "made field $Name\n";
    }
    return;
}

sub TrustAccount {
    my ($ID) = @_;

    my $MailAccountObject = $Kernel::OM->Get('Kernel::System::MailAccount');
    my %Accounts          = $MailAccountObject->MailAccountList( Valid => 0 );
    die "there is no mail account $ID\n" if !$Accounts{$ID};

    my %Account = $MailAccountObject->MailAccountGet( ID => $ID );
    my $Done    = $MailAccountObject->MailAccountUpdate( %Account, Trusted => 1, UserID => $UserID );
    die "mail account $ID could not be changed; the log of the helpdesk says why\n" if !$Done;
    return;
}

sub ListAccounts {
    my $MailAccountObject = $Kernel::OM->Get('Kernel::System::MailAccount');
    my %Accounts          = $MailAccountObject->MailAccountList( Valid => 1 );
    print "no mail account: mail comes by a pipe, which is trusted unless it says --untrusted\n"
        if !%Accounts;
    for my $ID ( sort { $a <=> $b } keys %Accounts ) {
        my %Account = $MailAccountObject->MailAccountGet( ID => $ID );
        my $State   = $Account{Trusted} ? 'trusted' : 'not trusted';
        print "mail account $ID: $Account{Login} at $Account{Host}, $State\n";
    }
    return;
}
