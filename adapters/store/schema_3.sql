-- Schema version 3: hooks.

-- Up to which event a run's hooks have been called. Written behind each call, so that one which was cut short is made again.
CREATE TABLE hook_cursors (
  run   INTEGER PRIMARY KEY REFERENCES runs (key) ON DELETE CASCADE,
  event INTEGER NOT NULL               -- events.id; 0: none yet
) STRICT;
