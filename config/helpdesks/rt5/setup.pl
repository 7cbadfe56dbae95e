#!/usr/bin/perl
# Prepares Request Tracker 5 for mailtriage: queues, custom fields, the scrip that fills them with what
# `mailtriage pipe` tells, and who acknowledges. Run it as the user that RT runs as, or as root:
#
#     perl setup.pl [--dry-run] [--ack=delegate|ours|leave] [--texts] QUEUE…
#
# It goes through RT's own API, says each thing that it does, and does nothing twice: run it again
# after adding a queue or a skill. README.md beside it has the rest.

use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));

use Encode ();
use File::Basename qw(dirname);
use Getopt::Long qw(GetOptions);

BEGIN {
    # Debian's places, then those of RT's own installation. RTLIB names any other.
    my @places = (
        split( /:/, $ENV{RTLIB} // q{} ),
        '/usr/local/share/request-tracker5/lib', '/usr/share/request-tracker5/lib',
        '/opt/rt5/local/lib',                    '/opt/rt5/lib',
    );
    unshift @INC, grep { -d } @places;
}

my %said;    # what --dry-run has said
my $MADE_BY = 'made by mailtriage setup.pl';

my %PRIORITY = ( urgent => 100, high => 80, normal => 50, low => 0 );

# What mailtriage says of every mail. Words that are not among the values of the field are not set.
my @FIELDS = (
    [ Language => [qw(da de en es fi fr it nb nl pl pt sv)] ],
    [ Skill    => [qw(account billing cancellation complaint delivery general privacy
                      returns sales technical)] ],
    [ Tier     => [qw(vip gold standard unknown)] ],
    [ Churn    => [qw(high medium low)] ],
);

my %option = ( ack => 'delegate', word => 'mailtriage', rights => 1, skill => [], language => [] );
GetOptions(
    \%option, 'ack=s', 'word=s', 'skill=s@', 'language=s@', 'rights!', 'texts', 'dry-run', 'help',
) or usage(2);
usage(0) if $option{help};
usage(2) unless @ARGV;
usage(2) unless $option{ack} =~ /^(?:delegate|ours|leave)$/;
stop("--word: letters, digits and hyphens only") unless $option{word} =~ /^[A-Za-z0-9-]{1,60}$/;
for my $more ( [ Skill => $option{skill} ], [ Language => $option{language} ] ) {
    my ( $field, $words ) = @$more;
    for my $word (@$words) {
        stop("'$word' is not a word that mailtriage can say") unless $word =~ /^[a-z0-9_-]{1,64}$/;
        push @{ ( grep { $_->[0] eq $field } @FIELDS )[0][1] }, $word;
    }
}
my @queue_names = map { Encode::decode( 'UTF-8', $_ ) } @ARGV;

eval { require RT; 1 } or stop("Request Tracker is not here: RTLIB=/its/lib perl setup.pl …\n$@");
RT->LoadConfig();
RT->Init();
stop("this is RT $RT::VERSION; written for 5") unless $RT::VERSION =~ /^5\./;

my @queues = map { queue($_) } @queue_names;
fields($_) for @FIELDS;
triage_scrip();
acknowledgements() unless $option{ack} eq 'leave' && !$option{texts} && !acknowledging_ours();
print "Done.\n";

# Queues, and who may write to them.

sub queue {
    my ($name) = @_;
    my $queue = RT::Queue->new( RT->SystemUser );
    $queue->Load($name);
    stop("'$name' is the number of a queue: write its name")
        if $queue->Id && lc $queue->Name ne lc $name;
    if ( !$queue->Id ) {
        act( "queue '$name': created", sub { $queue->Create( Name => $name ) } );
        print "(what it gets then is not shown)\n" if $option{'dry-run'};
    }
    return unless $queue->Id;
    stop("queue '$name' is disabled: enable it, or name another") if $queue->Disabled;
    # rt-mailgate says "done" of mail that its writer may not send, and RT answers "Permission Denied".
    grant( "queue '$name'", 'Everyone', $queue, qw(CreateTicket ReplyToTicket) );
    return $queue;
}

# Gives one of the groups that RT has by itself what it may not do yet.
sub grant {
    my ( $what, $name, $object, @rights ) = @_;
    return unless $option{rights};
    my $group = RT::Group->new( RT->SystemUser );
    $group->LoadSystemInternalGroup($name);
    for my $right (@rights) {
        next if $group->PrincipalObj->HasRight( Object => $object, Right => $right );
        act( "$what: $name may $right",
            sub { $group->PrincipalObj->GrantRight( Object => $object, Right => $right ) } );
    }
    return;
}

# Custom fields.

sub fields {
    my ($wanted) = @_;
    my ( $name, $words ) = @$wanted;
    for my $queue (@queues) {
        my $field = field_of( $queue, $name );
        next unless $field;
        my $what = "custom field '$name' of queue '" . $queue->Name . q{'};
        if ( $field->Type !~ /^(?:Select|Freeform)$/ ) {
            stop( "$what is of type " . $field->Type . ': a Select or a Freeform is needed' );
        }
        if ( ( $field->Description // q{} ) eq $MADE_BY ) { values_of( $field, $words ) }
        else { print "$what is your own: it gets those of our words that it has as values.\n" }
    }
    return;
}

# The field of that name that the queue has; else ours, which it gets.
sub field_of {
    my ( $queue, $name ) = @_;
    my $there = $queue->TicketCustomFields;
    while ( my $field = $there->Next ) {
        return $field if lc $field->Name eq lc $name;
    }
    my $ours = RT::CustomFields->new( RT->SystemUser );
    $ours->LimitToLookupType( RT::Ticket->CustomFieldLookupType );
    $ours->Limit( FIELD => 'Name', VALUE => $name, CASESENSITIVE => 0 );
    $ours->Limit( FIELD => 'Description', VALUE => $MADE_BY, CASESENSITIVE => 0 );
    my $field = $ours->First;
    if ( !$field ) {
        $field = RT::CustomField->new( RT->SystemUser );
        act(
            "custom field '$name': created",
            sub {
                $field->Create(
                    Name        => $name,
                    Type        => 'Select',
                    MaxValues   => 1,
                    LookupType  => RT::Ticket->CustomFieldLookupType,
                    Description => $MADE_BY,
                );
            },
        );
        return unless $field->Id;
        grant( "custom field '$name'", 'Privileged', $field, qw(SeeCustomField ModifyCustomField) );
    }
    act( "custom field '$name': for queue '" . $queue->Name . q{'},
        sub { $field->AddToObject($queue) } );
    return $field;
}

sub values_of {
    my ( $field, $words ) = @_;
    my %there = map { $_->Name => 1 } @{ $field->Values->ItemsArrayRef };
    for my $word ( grep { !$there{$_} } @$words ) {
        act( "custom field '" . $field->Name . "': value '$word'",
            sub { $field->AddValue( Name => $word ) } );
    }
    return;
}

# The scrip.

sub triage_scrip {
    my $description = 'mailtriage: priority and custom fields';
    my $scrip       = RT::Scrip->new( RT->SystemUser );
    $scrip->LoadByCols( Description => $description );
    my ( $prepare, $commit ) = ( perl_for_told() . perl_for_prepare(), perl_for_commit() );
    if ( !$scrip->Id ) {
        act(
            "scrip '$description': created",
            sub {
                $scrip->Create(
                    Description       => $description,
                    Queue             => $queues[0]->Id,
                    ScripCondition    => 'On Create',
                    ScripAction       => 'User Defined',
                    Template          => 'Blank',
                    CustomPrepareCode => $prepare,
                    CustomCommitCode  => $commit,
                );
            },
        );
        return unless $scrip->Id;
    }
    my %code = ( CustomPrepareCode => $prepare, CustomCommitCode => $commit );
    for my $column ( sort keys %code ) {
        my $code = $code{$column};
        next if $scrip->$column eq $code;
        my $set = "Set$column";
        act( "scrip '$description': $column renewed", sub { $scrip->$set($code) } );
    }
    for my $queue (@queues) {
        next if $scrip->IsAdded( $queue->Id ) || $scrip->IsGlobal;
        act( "scrip '$description': for queue '" . $queue->Name . q{'},
            sub { $scrip->AddToObject( $queue->Id ) } );
    }
    return;
}

# Perl that takes apart what `mailtriage pipe` told rt-mailgate, into $told; undefined for other mail.
# RT takes the first field of a name, and rt-mailgate writes this one above all that came with the mail.
sub perl_for_told {
    return '# ' . $MADE_BY . "\n" . <<"END";
my \$mail = RT->CurrentInterface eq 'Email' ? \$self->TransactionObj->Attachments->First : undef;
my (\$told) = ( \$mail ? \$mail->GetHeader('X-RT-Mail-Extension') // q{} : q{} )
    =~ /^\\Q$option{word}\\E;([a-z0-9_;=-]{1,500})\\s*\$/;
END
}

sub perl_for_prepare {
    return <<'END';
return 0 unless defined $told;
$self->{mailtriage} = { map { /^([a-z]+)=([a-z0-9_-]{1,64})$/ ? ( $1 => $2 ) : () } split /;/, $told };
return 1;
END
}

sub perl_for_commit {
    my $numbers = join ', ', map { "$_ => $PRIORITY{$_}" } sort keys %PRIORITY;
    my $names = join q{ }, map { $_->[0] } @FIELDS;
    return "# $MADE_BY\nmy %number = ( $numbers );\nmy \@names = qw( $names );\n" . <<'END';
my $told = $self->{mailtriage};
my $ticket = $self->TicketObj;
my @failed;
my $number = $number{ $told->{priority} // q{} };
if ( defined $number && $ticket->Priority != $number ) {
    my ( $ok, $why ) = $ticket->SetPriority($number);
    push @failed, "Priority: $why" unless $ok;
}
for my $name (@names) {
    my $word = $told->{ lc $name };
    my $field = $ticket->LoadCustomFieldByIdentifier($name);
    next unless defined $word && $field->Id;
    if ( $field->Type eq 'Select' ) {
        next unless grep { $_->Name eq $word } @{ $field->Values->ItemsArrayRef };
    }
    my ( $ok, $why ) = $ticket->AddCustomFieldValue( Field => $field->Id, Value => $word );
    push @failed, "$name: $why" unless $ok;
}
RT->Logger->error( 'mailtriage, ticket ' . $ticket->Id . ": $_" ) for @failed;
return 1;
END
}

# Acknowledgements: one in all.

sub acknowledgements {
    my $user_defined = condition('User Defined');
    my $on_create    = condition('On Create');
    my %templates;
    for my $scrip ( autoreplies() ) {
        my $what = "scrip '" . ( $scrip->Description // $scrip->Id ) . q{'};
        my $code = $scrip->CustomIsApplicableCode // q{};
        my $ours = $code =~ /\Q$MADE_BY\E/;
        if ( !$ours && $scrip->ScripCondition != $on_create ) {
            print "$what: left alone, as its condition is not 'On Create'. "
                . "Let it answer none of those that mailtriage answers.\n";
            next;
        }
        $templates{ $scrip->Template } = 1;
        if ( $option{ack} eq 'leave' ) {
            next unless $ours;
            act( "$what: condition 'On Create' again",
                sub { $scrip->SetScripCondition($on_create) } );
            act( "$what: our code removed", sub { $scrip->SetCustomIsApplicableCode(q{}) } );
            next;
        }
        my $new = perl_for_acknowledgement();
        if ( $code ne $new ) {
            act( "$what: asks mailtriage (--ack=$option{ack})",
                sub { $scrip->SetCustomIsApplicableCode($new) } );
        }
        if ( $scrip->ScripCondition != $user_defined ) {
            act( "$what: condition 'User Defined', was 'On Create'",
                sub { $scrip->SetScripCondition($user_defined) } );
        }
    }
    print "No scrip of RT acknowledges.\n" if !%templates && $option{ack} eq 'delegate';
    texts( sort keys %templates ) if $option{texts};
    return;
}

sub acknowledging_ours {
    return grep { ( $_->CustomIsApplicableCode // q{} ) =~ /\Q$MADE_BY\E/ } autoreplies();
}

# The scrips that write to the requestor of a new ticket.
sub autoreplies {
    my $scrips = RT::Scrips->new( RT->SystemUser );
    $scrips->LimitToGlobal;
    $scrips->LimitToQueue( $_->Id ) for @queues;
    my %found = map { $_->Id => $_ }
        grep { lc $_->ActionObj->ExecModule eq 'autoreply' } @{ $scrips->ItemsArrayRef };
    return map { $found{$_} } sort { $a <=> $b } keys %found;
}

sub condition {
    my $condition = RT::ScripCondition->new( RT->SystemUser );
    $condition->LoadByCols( Name => $_[0] );
    return $condition->Id || stop("RT has no condition '$_[0]'");
}

# Mail that did not come through `mailtriage pipe` is acknowledged as ever.
sub perl_for_acknowledgement {
    my $head = perl_for_told()
        . "return 0 unless \$self->TransactionObj->Type eq 'Create';\n"
        . "return 1 unless defined \$told;\n";
    # Also while the milter is down: then the desk hears of the mail by the sweeper.
    return "${head}return 0;\n" if $option{ack} eq 'ours';
    # Not sealed. Who forges it, past header_checks, goes without an answer himself.
    return $head . <<'END';
return ( $mail->GetHeader('X-Mailtriage-Ack') // q{} ) =~ /^(?:sent|skipped)\s*$/ ? 0 : 1;
END
}

# A template of a queue goes before the global one of the same name.
sub texts {
    my (@names) = @_;
    my $file = dirname(__FILE__) . '/autoreply.txt';
    open my $in, '<', $file or stop("$file: $!");
    my $text = do { local $/ = undef; <$in> };
    close $in or stop("$file: $!");
    for my $queue (@queues) {
        for my $name (@names) {
            my $what     = "template '$name' of queue '" . $queue->Name . q{'};
            my $template = RT::Template->new( RT->SystemUser );
            $template->LoadQueueTemplate( Queue => $queue->Id, Name => $name );
            if ( !$template->Id ) {
                act(
                    "$what: created",
                    sub {
                        $template->Create(
                            Queue       => $queue->Id,
                            Name        => $name,
                            Description => $MADE_BY,
                            Type        => 'Perl',
                            Content     => $text,
                        );
                    },
                );
            }
            elsif ( $template->Description ne $MADE_BY ) {
                print "$what: left alone, it is yours.\n";
            }
            elsif ( $template->Content ne $text ) {
                act( "$what: renewed", sub { $template->SetContent($text) } );
            }
        }
    }
    return;
}

# What all of it goes through.

sub act {
    my ( $what, $do ) = @_;
    if ( $option{'dry-run'} ) {
        print "would: $what\n" unless $said{$what}++;
        return;
    }
    my ( $ok, $why ) = $do->();
    stop( "$what: failed: " . ( $why // 'no reason given' ) ) unless $ok;
    return print "$what\n";
}

sub stop {
    my ($why) = @_;
    print STDERR "setup.pl: $why\n";
    exit 1;
}

sub usage {
    my ($code) = @_;
    my $to = $code ? \*STDERR : \*STDOUT;
    print {$to} <<'END';
perl setup.pl [OPTION…] QUEUE…

  --ack=delegate   RT acknowledges, but not what mailtriage says must not be (default)
  --ack=ours       mailtriage acknowledges: RT is silent on mail that comes through it
  --ack=leave      RT acknowledges as ever; takes back what an earlier run changed
  --texts          give the queues our text of twelve languages (autoreply.txt)
  --skill=WORD     a skill of yours beside the shipped ones; as often as you like
  --language=CODE  a language beside the twelve; as often as you like
  --word=WORD      the first word behind rt-mailgate's --extension (mailtriage)
  --no-rights      grant nothing
  --dry-run        say what would be done, and do nothing
END
    exit $code;
}
