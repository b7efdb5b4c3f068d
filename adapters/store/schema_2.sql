-- Schema version 2: a user can take up again what has ended, and a limit on the jobs in the queue is learnt.

-- How often the user took the node up again after it had ended (retry, recover, mark).
ALTER TABLE nodes ADD COLUMN round INTEGER NOT NULL DEFAULT 0;
-- How often the run was taken up again after it had ended.
ALTER TABLE runs ADD COLUMN recoveries INTEGER NOT NULL DEFAULT 0;
-- With so many of the user's jobs in the queue the scheduler took no more. NULL: nothing is known.
ALTER TABLE runs ADD COLUMN most_jobs INTEGER;

-- A node that has ended stays as it ended, whoever writes, but for the user who begins a new round.
DROP TRIGGER nodes_terminal;
CREATE TRIGGER nodes_terminal BEFORE UPDATE OF state ON nodes
WHEN old.state <> new.state AND old.round = new.round
  AND (old.state = 'completed' OR old.state = 'failed' OR old.state = 'timeout' OR old.state = 'skipped'
       OR old.state = 'cancelled')
BEGIN
  SELECT RAISE(ABORT, 'the node has ended: its state never changes');
END;
