# mailtriage: one folder for each skill. A new skill gets its folder by itself.
#
# Values of X-Mailtriage headers are letters, digits, "_" and "-"; the pattern below makes sure of it
# once more, so that nothing else ever becomes a part of a folder name.
require ["comparator-i;ascii-numeric", "fileinto", "imap4flags", "mailbox", "regex", "relational",
         "variables"];

# What all folder names begin with. To have them below one folder write its name and the separator
# of your server: "Service/", or "Service." with Maildir as Dovecot makes it by default.
set "under" "";

# Not there, twice there, or odd: mailtriage was down and did not see this mail.
if not allof (header :count "eq" :comparator "i;ascii-numeric" "X-Mailtriage-Skill" "1",
              header :comparator "i;octet"
                     :regex "X-Mailtriage-Skill" "^([a-z0-9_-]{1,40})$") {
    fileinto :create "${under}untagged";
    stop;
}
set "skill" "${1}";          # "general" where mailtriage was not sure

if header :is "X-Mailtriage-Priority" "urgent" {
    addflag "\\Flagged";
}
fileinto :create "${under}skill-${skill}";
