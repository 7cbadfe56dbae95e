"""Which template is suggested to agents for a mail, in X-Mailtriage-Answer.

Where the knowledge base is sure of a section that one fitting template names, it is that template;
else the one whose questions come nearest to the mail, or none. Customers never see it.
"""

from mailtriage.config.answers import AnswersConfig
from mailtriage.knowledge.answer_index import AnswerIndex
from mailtriage.knowledge.rules import not_looked_up
from mailtriage.mail.model import Mail
from mailtriage.triage.model import Triage


def suggest_answer(
    answers: AnswerIndex | None, mail: Mail, judged: Triage, section: str, settings: AnswersConfig
) -> str:
    """Id of the template; empty: none. `section`: what the knowledge base suggests, or empty.

    Never raises.
    """
    if answers is None or not_looked_up(judged, mail):
        return ""
    spoken, skill, topic = judged.language, judged.skill, judged.topic
    try:
        named = answers.of_section(section, spoken, skill, topic) if section else ""
        return named or answers.find(
            mail.newest_text,
            spoken,
            skill,
            topic,
            subject=mail.subject,
            threshold=settings.threshold,
        )
    except Exception:  # noqa: BLE001  whatever is wrong here, no mail waits for it
        return ""
