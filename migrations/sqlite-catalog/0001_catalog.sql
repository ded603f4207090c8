-- catalog.db: what there is besides flows. A store is a folder with this file and one file
-- segment-<id>.db for each span of time (../sqlite-segment). Times are nanoseconds since the Unix
-- epoch; numbers of 64 bits without a sign are stored bit for bit.
--
-- This file is the truth about which segments exist. If it is lost, it is made again from them;
-- only gaps and the numbers of removed commits are lost with it.

-- A segment holds the flows of [since, until). Segments do not overlap.
CREATE TABLE segment(
    id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used again: it names the file
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,                 -- a whole hour, or where it was full
    -- 0 open: may hold what is not told here. 1 sealed: finished, what follows is exact.
    -- 2 not there: not yet or not any more, whether or not there is a file.
    state INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL,               -- schema of the file: its newest migration
    flows INTEGER NOT NULL DEFAULT 0,       -- flows in it
    oldest INTEGER,                         -- time of the oldest of them
    newest INTEGER,                         -- time of the newest
    last_commit INTEGER NOT NULL DEFAULT 0  -- highest commit number in it
);

-- How far nodes are recorded, from segments that are sealed or removed. The rest is in the open
-- ones; of two rows for the same start of a collector the higher one counts.
CREATE TABLE progress(
    node TEXT NOT NULL,
    boot INTEGER NOT NULL,                  -- start of the node's collector; 0: another program
    sequence INTEGER NOT NULL,              -- all up to here are stored or known to be missing
    time INTEGER NOT NULL,                  -- of the newest flow
    PRIMARY KEY(node, boot)
) WITHOUT ROWID;

-- The highest commit number of removed segments. One row.
CREATE TABLE removed(last_commit INTEGER NOT NULL);
INSERT INTO removed VALUES(0);

-- Flows that are known to be missing. Gaps of one node and reason that touch or overlap are one row.
CREATE TABLE gap(
    id INTEGER PRIMARY KEY,
    node TEXT NOT NULL,
    since INTEGER NOT NULL,                 -- first moment that may miss flows
    until INTEGER NOT NULL,                 -- last one
    flows INTEGER,                          -- how many; NULL: nobody knows
    reason INTEGER NOT NULL                 -- tidegate.v1.GapReason
);
CREATE INDEX gap_node ON gap(node, reason, until);
