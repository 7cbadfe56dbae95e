# ruff: noqa: INP001
# manage.py shell <silence.py: django-helpdesk acknowledges no new ticket any more, in any language.
# It finds no template then, and says so in its log. `manage.py loaddata emailtemplate` brings it
# back, and every other template to what it was at first.
from helpdesk.models import EmailTemplate

EmailTemplate.objects.filter(template_name="newticket_submitter").delete()
