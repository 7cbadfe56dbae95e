# mailtriage: one folder for each priority: urgent, high, normal, low.
#
# Values of X-Mailtriage headers are letters, digits, "_" and "-"; the pattern below makes sure of it
# once more, so that nothing else ever becomes a part of a folder name.
require ["comparator-i;ascii-numeric", "fileinto", "imap4flags", "mailbox", "regex", "relational",
         "variables"];

# What all folder names begin with. To have them below one folder write its name and the separator
# of your server: "Service/", or "Service." with Maildir as Dovecot makes it by default.
set "under" "";

# Not there, twice there, or odd: mailtriage was down and did not see this mail.
if not allof (header :count "eq" :comparator "i;ascii-numeric" "X-Mailtriage-Priority" "1",
              header :comparator "i;octet"
                     :regex "X-Mailtriage-Priority" "^([a-z0-9_-]{1,40})$") {
    fileinto :create "${under}untagged";
    stop;
}
set "priority" "${1}";

if string :is "${priority}" "urgent" {
    addflag "\\Flagged";
}
fileinto :create "${under}priority-${priority}";
