# mailtriage: everything at once, for the shared mailbox of a service team. As sieve_before it files
# each mail before any script of the user's own; README.md says what that means for those.
#
#   untagged      mailtriage was down and did not see the mail: look here, and at its log
#   robots        lists, bounces and machines
#   billing-de    and so on: what people wrote, by skill and language. New ones need no change here
#   flagged       urgent, or a VIP who is about to leave
#
# Values of X-Mailtriage headers are letters, digits, "_" and "-"; the patterns below make sure of it
# once more, so that nothing else ever becomes a part of a folder name.
require ["comparator-i;ascii-numeric", "fileinto", "imap4flags", "mailbox", "regex", "relational",
         "variables"];

# What all folder names begin with. To have them below one folder write its name and the separator
# of your server: "Service/", or "Service." with Maildir as Dovecot makes it by default.
set "under" "";

# What folders are made for: "Route" (billing-de), "Skill" (billing), "Language" (de) or "Priority"
# (urgent). With "" what people wrote stays in the inbox, flagged or not.
set "by" "Route";

# Not there, twice there, or odd: mailtriage was down and did not see this mail.
if not allof (header :count "eq" :comparator "i;ascii-numeric" "X-Mailtriage-Kind" "1",
              header :count "eq" :comparator "i;ascii-numeric" "X-Mailtriage-Route" "1",
              header :comparator "i;octet"
                     :regex "X-Mailtriage-Route" "^[a-z0-9_-]{1,60}$") {
    fileinto :create "${under}untagged";
    stop;
}

if header :is "X-Mailtriage-Kind" ["machine", "bounce", "list"] {
    fileinto :create "${under}robots";
    stop;
}

if anyof (header :is "X-Mailtriage-Priority" "urgent",
          allof (header :is "X-Mailtriage-Tier" "vip",
                 header :is "X-Mailtriage-Churn" "high")) {
    addflag "\\Flagged";
}

if header :comparator "i;octet" :regex "X-Mailtriage-${by}" "^([a-z0-9_-]{1,60})$" {
    fileinto :create "${under}${1}";
}
