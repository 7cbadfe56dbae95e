"""The tables of the SQLite state.

Whoever reads the file finds keyed hashes (acks/tokens.py: `pseudonym`) where a mail has addresses,
Message-IDs, subjects and networks. In clear stand the organisation's own mailboxes; in the outbox,
as long as an acknowledgement is owed, its recipient and text; and, where answers are repaired,
Message-IDs of mails that were acknowledged.

Times are seconds since the epoch; 0 is "never".
"""

from typing import Final

APPLICATION_ID: Final = 0x6D747269
"""PRAGMA application_id: "mtri". file(1) shows it, and a file of somebody else has another."""

_FIRST: Final = """
CREATE TABLE conversation (
    id            INTEGER PRIMARY KEY,
    mailbox       TEXT NOT NULL,
    customer      BLOB NOT NULL,               -- who began it; empty: nobody who could be answered
    began         REAL NOT NULL,
    last_activity REAL NOT NULL,
    answered      REAL NOT NULL DEFAULT 0,     -- by a human
    acknowledged  REAL NOT NULL DEFAULT 0,
    promised      REAL NOT NULL DEFAULT 0,
    unanswered    INTEGER NOT NULL DEFAULT 0   -- mails that came in since either of them
) STRICT;
CREATE INDEX conversation_age ON conversation (last_activity);

-- Further addresses of the customer, to which a human may answer.
CREATE TABLE writer (
    conversation INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
    address      BLOB NOT NULL,
    PRIMARY KEY (conversation, address)
) STRICT, WITHOUT ROWID;

-- Message-IDs, either way, by which a later mail finds its conversation.
CREATE TABLE message (
    id           BLOB PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX message_conversation ON message (conversation);

-- Every mail that had an effect, by its dedupe key: it has none a second time.
CREATE TABLE mail (
    key          BLOB PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
    way          TEXT NOT NULL CHECK (way IN ('in', 'out')),
    at           REAL NOT NULL,
    kind         TEXT NOT NULL,
    rule         TEXT NOT NULL DEFAULT '',     -- that forbade an acknowledgement
    announced    TEXT NOT NULL DEFAULT '',
    skill        TEXT NOT NULL DEFAULT '',
    priority     TEXT NOT NULL DEFAULT '',
    language     TEXT NOT NULL DEFAULT '',
    topic        TEXT NOT NULL DEFAULT '',
    thread       TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_conversation ON mail (conversation);

-- The ledger: one row for each acknowledgement that was ever owed. All rate limits count here.
CREATE TABLE ack (
    key         BLOB PRIMARY KEY,
    mailbox     TEXT NOT NULL,
    address     BLOB NOT NULL,
    subject     BLOB NOT NULL,
    network     BLOB NOT NULL,
    at          REAL NOT NULL,
    sent        REAL NOT NULL DEFAULT 0,
    original_id TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX ack_address ON ack (address, at, mailbox, subject);
CREATE INDEX ack_network ON ack (network, at);
CREATE INDEX ack_age ON ack (at);

-- What is held against an address.
CREATE TABLE mark (
    address       BLOB PRIMARY KEY,
    undeliverable REAL NOT NULL DEFAULT 0,
    complained    REAL NOT NULL DEFAULT 0,
    quick_answer  REAL NOT NULL DEFAULT 0,     -- last answer that only a machine gives so fast
    robot         REAL NOT NULL DEFAULT 0,
    latest        REAL NOT NULL                -- of these
) STRICT, WITHOUT ROWID;
CREATE INDEX mark_age ON mark (latest);

-- What is owed, and for some days what became of it (state/outbox.py tells the life of a row).
CREATE TABLE outbox (
    key      BLOB PRIMARY KEY,
    mailbox  TEXT NOT NULL,
    domain   TEXT NOT NULL,
    address  TEXT,                             -- as the next two, NULL once nothing is owed
    message  BLOB,
    plan     TEXT,
    state    TEXT NOT NULL CHECK (state IN ('WAITING', 'READY', 'SENDING', 'RETRY', 'SENT', 'DEAD',
                                            'EXPIRED', 'SUPPRESSED', 'DROPPED')),
    due      REAL,                             -- when something has to happen next; NULL: finished
    attempts INTEGER NOT NULL DEFAULT 0,
    error    TEXT NOT NULL DEFAULT '',
    rule     TEXT NOT NULL DEFAULT '',
    created  REAL NOT NULL,
    expires  REAL NOT NULL,
    finished REAL,
    CHECK ((due IS NULL) = (finished IS NOT NULL)),
    CHECK (state IN ('SENT', 'EXPIRED', 'SUPPRESSED', 'DROPPED')
           = (address IS NULL AND message IS NULL AND plan IS NULL))
) STRICT;
CREATE INDEX outbox_due ON outbox (due) WHERE due IS NOT NULL;
CREATE INDEX outbox_finished ON outbox (finished) WHERE finished IS NOT NULL;
"""

# What other nodes have to hear (docs/many-nodes.md). Triggers, because the ack worker is a process
# of its own; they do nothing while nothing is shared, and while what others said is written down.
_SECOND: Final = """
ALTER TABLE conversation ADD COLUMN shared_id BLOB NOT NULL DEFAULT x'';  -- on every node
ALTER TABLE conversation ADD COLUMN home INTEGER NOT NULL DEFAULT 1;      -- 0: began elsewhere
ALTER TABLE conversation ADD COLUMN helpdesk REAL NOT NULL DEFAULT 0;     -- wrote to the customer
ALTER TABLE conversation ADD COLUMN ticket TEXT NOT NULL DEFAULT '';
UPDATE conversation SET shared_id = coalesce(
    (SELECT key FROM mail WHERE mail.conversation = conversation.id ORDER BY at LIMIT 1),
    randomblob(16));
CREATE INDEX conversation_shared ON conversation (shared_id);

-- One row: this node, and what it knows of the Redis that it shares.
CREATE TABLE sharing (
    only_row   INTEGER PRIMARY KEY CHECK (only_row = 1),
    active     INTEGER NOT NULL DEFAULT 0,     -- whether changes are noted
    node       BLOB NOT NULL,
    epoch      TEXT NOT NULL DEFAULT '',       -- of the Redis that was told everything
    stage      TEXT NOT NULL DEFAULT '',       -- of telling it, see shared_tables.py; done
    stage_time REAL NOT NULL DEFAULT 0,        -- how far that is, newest first
    stage_id   BLOB NOT NULL DEFAULT x'',
    since      REAL NOT NULL DEFAULT 0         -- how far back that goes
) STRICT;
INSERT INTO sharing (only_row, node) VALUES (1, randomblob(16));

-- What Redis has not been told yet, each once however often it changed. Numbers are never used
-- again, so that what changes while it is told has another.
CREATE TABLE unshared (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind   TEXT NOT NULL,
    id     BLOB NOT NULL,
    UNIQUE (kind, id) ON CONFLICT REPLACE
) STRICT;

CREATE TRIGGER conversation_begun AFTER INSERT ON conversation
WHEN (SELECT active FROM sharing) = 1
BEGIN INSERT INTO unshared (kind, id) VALUES ('conversation', new.shared_id); END;
CREATE TRIGGER conversation_changed AFTER UPDATE ON conversation
WHEN (SELECT active FROM sharing) = 1
BEGIN INSERT INTO unshared (kind, id) VALUES ('conversation', new.shared_id); END;
CREATE TRIGGER mail_recorded AFTER INSERT ON mail
WHEN (SELECT active FROM sharing) = 1
BEGIN INSERT INTO unshared (kind, id) VALUES ('mail', new.key); END;
CREATE TRIGGER message_known AFTER INSERT ON message
WHEN (SELECT active FROM sharing) = 1
BEGIN INSERT INTO unshared (kind, id) VALUES ('message', new.id); END;
CREATE TRIGGER ack_owed AFTER INSERT ON ack
WHEN (SELECT active FROM sharing) = 1
BEGIN INSERT INTO unshared (kind, id) VALUES ('ack', new.key); END;
CREATE TRIGGER ack_sent AFTER UPDATE ON ack
WHEN (SELECT active FROM sharing) = 1
BEGIN INSERT INTO unshared (kind, id) VALUES ('ack', new.key); END;
CREATE TRIGGER mark_made AFTER INSERT ON mark
WHEN (SELECT active FROM sharing) = 1
BEGIN INSERT INTO unshared (kind, id) VALUES ('mark', new.address); END;
CREATE TRIGGER mark_changed AFTER UPDATE ON mark
WHEN (SELECT active FROM sharing) = 1
BEGIN INSERT INTO unshared (kind, id) VALUES ('mark', new.address); END;
"""

# What may still be written to a customer after the acknowledgement: updates and surveys. Only for
# mailboxes that have either switched on is an address kept longer than its acknowledgement is owed.
_THIRD: Final = """
ALTER TABLE mail ADD COLUMN mood TEXT NOT NULL DEFAULT '';
ALTER TABLE mail ADD COLUMN answer TEXT NOT NULL DEFAULT '';    -- template suggested to agents
ALTER TABLE outbox ADD COLUMN kind TEXT NOT NULL DEFAULT 'ack'; -- ack, update, survey
ALTER TABLE outbox ADD COLUMN sender TEXT NOT NULL DEFAULT '';  -- reverse-path; empty: the null one
ALTER TABLE outbox ADD COLUMN about BLOB NOT NULL DEFAULT x'';  -- acknowledgement that it follows
CREATE INDEX outbox_about ON outbox (about) WHERE about != x'';
CREATE INDEX conversation_ticket ON conversation (ticket) WHERE ticket != '';

-- What was promised first, for the clock of answers: a promise that was moved is not kept by that.
ALTER TABLE conversation ADD COLUMN first_promised REAL NOT NULL DEFAULT 0;
UPDATE conversation SET first_promised = promised;

-- When a person was last asked how satisfied they were, through whichever node: not held against
-- them, but shared and forgotten in the same way.
ALTER TABLE mark ADD COLUMN asked REAL NOT NULL DEFAULT 0;

CREATE TABLE follow_up (
    conversation INTEGER PRIMARY KEY REFERENCES conversation ON DELETE CASCADE,
    plan         TEXT NOT NULL,                 -- order of its acknowledgement: address, too
    wants        TEXT NOT NULL,                 -- what is switched on: "updates survey"
    told         REAL NOT NULL,                 -- the time that the customer was told last; 0: none
    since        REAL NOT NULL,                 -- when that was
    updates      INTEGER NOT NULL DEFAULT 0,    -- how many were owed so far
    sending      BLOB NOT NULL DEFAULT x'',     -- outbox key of one that is on its way
    due          REAL NOT NULL,                 -- when to look at it again
    expires      REAL NOT NULL                  -- when the row, and with it the address, goes
) STRICT;
CREATE INDEX follow_up_due ON follow_up (due);
CREATE INDEX follow_up_expires ON follow_up (expires);

-- Questions that customers were asked after their case, by the key of that mail, and their votes.
CREATE TABLE survey (
    key          BLOB PRIMARY KEY,
    conversation INTEGER REFERENCES conversation ON DELETE SET NULL,
    address      BLOB NOT NULL,                 -- keyed hash
    mailbox      TEXT NOT NULL,
    skill        TEXT NOT NULL,
    language     TEXT NOT NULL,
    asked        REAL NOT NULL,
    vote         INTEGER NOT NULL DEFAULT 0,    -- 1 to 5; 0: none; -1: void, several at once
    voted        REAL NOT NULL DEFAULT 0,       -- when the first came
    changed      REAL NOT NULL DEFAULT 0        -- and when the one that counts did
) STRICT, WITHOUT ROWID;
CREATE INDEX survey_address ON survey (address, asked);
CREATE INDEX survey_age ON survey (asked);
CREATE INDEX survey_conversation ON survey (conversation);

-- Who does not want such mail any more, on whichever node they said so. Kept for as long as nobody
-- says otherwise.
CREATE TABLE opt_out (
    address BLOB NOT NULL,                      -- keyed hash
    purpose TEXT NOT NULL,                      -- survey; used: a key that has opted out somebody
    at      REAL NOT NULL,
    PRIMARY KEY (address, purpose)
) STRICT, WITHOUT ROWID;
-- What is noted again gets another number whatever statement has fired the trigger that notes it:
-- its ON CONFLICT clause counts inside of the trigger, too, and not that of the table
-- (https://www.sqlite.org/lang_createtrigger.html). An upsert failed for that.
CREATE TRIGGER noted_again BEFORE INSERT ON unshared
BEGIN DELETE FROM unshared WHERE kind = new.kind AND id = new.id; END;

CREATE TRIGGER opted_out AFTER INSERT ON opt_out
WHEN new.purpose = 'survey' AND (SELECT active FROM sharing) = 1
BEGIN INSERT INTO unshared (kind, id) VALUES ('mark', new.address); END;
"""

MIGRATIONS: Final = (_FIRST, _SECOND, _THIRD)
"""Script number N makes schema N + 1 out of schema N; schema 0 is an empty file."""

SCHEMA_VERSION: Final = len(MIGRATIONS)
"""PRAGMA user_version."""
