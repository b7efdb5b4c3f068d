-- What catena remembers, schema version 1 (schema_2.sql and later ones go on). Read it with any SQLite shell:
--   sqlite3 -readonly -header -column ~/.local/state/catena/catena.db 'SELECT id, name, state FROM runs'
--
-- Times are whole seconds since 1970-01-01 00:00 UTC: datetime(created, 'unixepoch', 'localtime') shows one.
-- States are the words that catena prints. A text that is not known is NULL.
-- Outside, a run is known by its text id; inside, tables refer to the integer runs.key, so that rows of a run lie together
-- and are appended. Deleting a row of runs deletes all of that run.
-- Choices are spelled with OR: for each row that it checks, SQLite would make a temporary table of an IN list.
-- This file is run as a whole in one transaction. A later version is a new migration (migrations.cc), never an edit here.

-- Which program made which version of this schema. Its shape never changes: an older catena reads it to say who is needed.
CREATE TABLE schema_history (
  version INTEGER PRIMARY KEY,
  program TEXT    NOT NULL,          -- "0.1.0"
  applied INTEGER NOT NULL
) STRICT;

-- One execution of a workflow.
CREATE TABLE runs (
  key            INTEGER PRIMARY KEY,  -- ascending: the latest run has the largest
  id             TEXT    NOT NULL UNIQUE,
  name           TEXT    NOT NULL,     -- the workflow's
  file           TEXT    NOT NULL,     -- the workflow file
  site           TEXT    NOT NULL,
  directory      TEXT    NOT NULL,     -- on the site
  state          TEXT    NOT NULL
                 CHECK (state = 'pending' OR state = 'running' OR state = 'paused' OR state = 'completed'
                        OR state = 'failed' OR state = 'cancelled' OR state = 'recovering'),
  reason         TEXT,                 -- why it failed or was cancelled
  stop_requested INTEGER NOT NULL CHECK (stop_requested IN (0, 1)),
  created        INTEGER NOT NULL,
  updated        INTEGER NOT NULL,
  observed       INTEGER,              -- when the site was last asked with success
  revision       INTEGER NOT NULL DEFAULT 0  -- grows with every change to the run
) STRICT;
CREATE INDEX runs_by_name ON runs (name);
-- Years of ended runs must not slow down the question which ones go on.
CREATE INDEX runs_active ON runs (key) WHERE state NOT IN ('completed', 'failed', 'cancelled');

-- The files that a run was made from, as they were: one row for the workflow file, one for each script and template, and one for
-- what a job has added to its run ("extension:NUMBER:NODE").
CREATE TABLE snapshots (
  run     INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
  kind    TEXT    NOT NULL CHECK (kind = 'workflow' OR kind = 'file'),
  name    TEXT    NOT NULL,            -- workflow: its path. file: the name that the workflow uses
  content TEXT    NOT NULL,
  PRIMARY KEY (run, kind, name)
) STRICT;

-- The vertices, and where each one stands.
CREATE TABLE nodes (
  run      INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
  idx      INTEGER NOT NULL,           -- from 0, in the order of the workflow file
  name     TEXT    NOT NULL,           -- "fit"; an element of a foreach: "scf.3"
  spec     INTEGER NOT NULL,           -- which node of the workflow file, from 0
  element  INTEGER NOT NULL,           -- which element of it, from 1; 0: not of a foreach
  state    TEXT    NOT NULL DEFAULT 'pending'
           CHECK (state = 'pending' OR state = 'held' OR state = 'queued' OR state = 'running'
                  OR state = 'completed' OR state = 'failed' OR state = 'timeout' OR state = 'retrying'
                  OR state = 'skipped' OR state = 'cancelled' OR state = 'unknown'),
  attempts INTEGER NOT NULL DEFAULT 0, -- how many were made; the last one is the current one
  failures INTEGER NOT NULL DEFAULT 0, -- how many of them ran and failed
  reason   TEXT,                       -- why it is in that state
  fetched  INTEGER NOT NULL DEFAULT 0 CHECK (fetched IN (0, 1)),  -- its outputs were brought from the site
  PRIMARY KEY (run, idx)
) STRICT, WITHOUT ROWID;

-- A node that has ended stays as it ended, whoever writes.
CREATE TRIGGER nodes_terminal BEFORE UPDATE OF state ON nodes
WHEN old.state <> new.state
  AND (old.state = 'completed' OR old.state = 'failed' OR old.state = 'timeout' OR old.state = 'skipped'
       OR old.state = 'cancelled')
BEGIN
  SELECT RAISE(ABORT, 'the node has ended: its state never changes');
END;

-- How many nodes of a run are in which state, so that a listing need not read 100,000 rows.
-- A run's first row is written with its nodes; from then on the trigger keeps the sums, in the same transaction.
CREATE TABLE run_counts (
  run   INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
  state TEXT    NOT NULL,
  nodes INTEGER NOT NULL,
  PRIMARY KEY (run, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER nodes_counted AFTER UPDATE OF state ON nodes WHEN old.state <> new.state
BEGIN
  UPDATE run_counts SET nodes = nodes - 1 WHERE run = old.run AND state = old.state;
  INSERT INTO run_counts (run, state, nodes) VALUES (new.run, new.state, 1)
    ON CONFLICT DO UPDATE SET nodes = nodes + 1;
END;

-- The child may start when the parent …: ok: has completed; any: has ended; notok: has ended badly; start: has started.
-- For reports and other readers: catena itself expands the graph from the snapshot.
CREATE TABLE edges (
  run       INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
  child     INTEGER NOT NULL,          -- nodes.idx
  parent    INTEGER NOT NULL,
  condition TEXT    NOT NULL CHECK (condition = 'ok' OR condition = 'any' OR condition = 'notok' OR condition = 'start'),
  PRIMARY KEY (run, child, parent, condition)
) STRICT, WITHOUT ROWID;

-- The submissions of a node. The row is written before the scheduler is called, with the token that the job carries in its
-- name: after a lost answer the job is looked up by it.
CREATE TABLE attempts (
  run         INTEGER NOT NULL,
  node        INTEGER NOT NULL,
  number      INTEGER NOT NULL,        -- from 1
  token       TEXT    NOT NULL UNIQUE,
  -- intended: the scheduler may or may not have it. staged: its native id is known; it waits for our release. submitted:
  -- nothing of ours holds it back. dropped: never queued, or lost by the scheduler.
  state       TEXT    NOT NULL CHECK (state = 'intended' OR state = 'staged' OR state = 'submitted' OR state = 'ended'
                  OR state = 'dropped'),
  native_id   TEXT,                    -- the scheduler's: "123", "123_4", "54[2].host"
  intended    INTEGER NOT NULL,
  submitted   INTEGER,
  started     INTEGER,
  ended       INTEGER,
  exit_code   INTEGER,
  signal      INTEGER,
  host        TEXT,
  native      TEXT,                    -- the scheduler's last word of its state, verbatim
  reason      TEXT,
  stdout_file TEXT,
  stderr_file TEXT,
  PRIMARY KEY (run, node, number),
  FOREIGN KEY (run, node) REFERENCES nodes (run, idx) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TRIGGER attempts_ended BEFORE UPDATE OF state ON attempts WHEN old.state = 'ended' AND new.state <> 'ended'
BEGIN
  SELECT RAISE(ABORT, 'the attempt has ended: its state never changes');
END;

-- What happened, in order. Rows are only ever added; they go with their run.
CREATE TABLE events (
  run        INTEGER NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
  id         INTEGER NOT NULL,         -- ascending within the run, from 1
  time       INTEGER NOT NULL,
  node       INTEGER,                  -- nodes.idx; NULL: of the run
  attempt    INTEGER NOT NULL,         -- attempts.number; 0: none
  kind       TEXT    NOT NULL,         -- state, submitted, released, refused, …
  from_state TEXT,
  to_state   TEXT,
  text       TEXT,                     -- native words, reasons
  PRIMARY KEY (run, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_by_node ON events (run, node, id);

CREATE TRIGGER events_not_changed BEFORE UPDATE ON events
BEGIN
  SELECT RAISE(ABORT, 'events are never changed');
END;
-- When a run is deleted, its row is gone before its events follow.
CREATE TRIGGER events_not_deleted BEFORE DELETE ON events WHEN EXISTS (SELECT 1 FROM runs WHERE key = old.run)
BEGIN
  SELECT RAISE(ABORT, 'events are never deleted without their run');
END;

-- The values that nodes declared as their results. value is JSON; a number is written as the job wrote it, and where JSON
-- cannot hold that text ("007", "nan") it is {"number": "007"}.
CREATE TABLE results (
  run     INTEGER NOT NULL,
  node    INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  name    TEXT    NOT NULL,
  value   TEXT    NOT NULL CHECK (json_valid(value)),
  PRIMARY KEY (run, node, attempt, name),
  FOREIGN KEY (run, node) REFERENCES nodes (run, idx) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Which process drives a run at present. boot_id and pid_start tell a process from a later one with the same number.
CREATE TABLE leases (
  run       INTEGER PRIMARY KEY REFERENCES runs (key) ON DELETE CASCADE,
  host      TEXT    NOT NULL,
  boot_id   TEXT    NOT NULL,
  pid       INTEGER NOT NULL,
  pid_start INTEGER NOT NULL,          -- field 22 of /proc/PID/stat
  since     INTEGER NOT NULL
) STRICT;
