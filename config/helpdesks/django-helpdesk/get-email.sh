#!/bin/sh
# get-email.sh DIRECTORY COMMAND...: for cron, instead of "manage.py get_email".
#
# django-helpdesk reads a local directory as UTF-8, and stops at the first mail that is something else:
# all behind it wait for ever. This turns such mails into UTF-8 first, byte by byte, as ISO 8859-1:
# django-helpdesk turns them back the same way before it looks at their charset, so nothing is lost.
#
#   get-email.sh /var/mail/helpdesk /srv/helpdesk/venv/bin/python /srv/helpdesk/manage.py get_email
#
# DIRECTORY holds one Maildir for each queue.
set -eu
spool=$1
shift
for mail in "$spool"/*/new/*; do
    [ -f "$mail" ] || continue
    iconv -f UTF-8 -t UTF-8 "$mail" >/dev/null 2>&1 && continue
    copy=${mail%/new/*}/tmp/$$.utf-8
    iconv -f ISO-8859-1 -t UTF-8 "$mail" >"$copy"
    mv "$copy" "$mail"
done
exec "$@"
