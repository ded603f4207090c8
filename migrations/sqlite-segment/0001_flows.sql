-- segment-<id>.db: the flows of a span of time, with everything that is needed to read them.
--
-- What repeats is stored once, in dictionaries. Their ids are dense from 1 and never used again
-- within a file; 0 in a column means: none. Only the process that holds the store's lock writes,
-- and knows all of them, so no dictionary needs an index to stay free of repetitions.
--
-- Lists of texts are one text: items end in a line feed, and \n and \\ stand for a line feed and a
-- backslash inside of one. Numbers of 64 bits without a sign are stored bit for bit.

-- The file's own span begins here. One row.
CREATE TABLE segment(since INTEGER NOT NULL);

-- A node that sees flows.
CREATE TABLE node(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,                   -- list
    emitter TEXT NOT NULL,                  -- the program that makes the flows
    emitter_version TEXT NOT NULL
);

-- A start of a node's collector; boot is 0 for flows that have no number.
CREATE TABLE origin(id INTEGER PRIMARY KEY, node INTEGER NOT NULL, boot INTEGER NOT NULL);

-- An address: 4 bytes or 16. A network is a range of addr together with length(addr).
CREATE TABLE ip(id INTEGER PRIMARY KEY, addr BLOB NOT NULL);

-- A domain name. The labels in reverse order put a domain next to what is below it.
CREATE TABLE fqdn(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,                     -- api.example.com
    reversed TEXT NOT NULL                  -- com.example.api
);
CREATE INDEX fqdn_reversed ON fqdn(reversed);

-- The names of one side of a flow, best first: list `names`, its item `rank` from 0.
CREATE TABLE name(
    names INTEGER NOT NULL,
    rank INTEGER NOT NULL,
    fqdn INTEGER NOT NULL,
    source INTEGER NOT NULL,                -- where it is from, as in row.rs
    confidence INTEGER NOT NULL,            -- how sure we are, as in row.rs
    PRIMARY KEY(names, rank)
) WITHOUT ROWID;

-- Who has an address.
CREATE TABLE endpoint(
    id INTEGER PRIMARY KEY,
    number INTEGER NOT NULL,                -- on its node; 0 for remote and outside ones
    identity INTEGER NOT NULL,
    namespace TEXT NOT NULL,
    pod TEXT NOT NULL,
    cluster TEXT NOT NULL,
    labels TEXT NOT NULL,                   -- list
    workloads TEXT NOT NULL                 -- list: kind, name, kind, name …
);

CREATE TABLE service(id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL);

-- One side of a flow: everything about it but the port.
CREATE TABLE party(
    id INTEGER PRIMARY KEY,
    ip INTEGER NOT NULL,
    endpoint INTEGER NOT NULL,
    names INTEGER NOT NULL,                 -- 0: no name
    service INTEGER NOT NULL                -- 0: none
);

-- What kind of observation a flow is: all that has few values.
CREATE TABLE kind(
    id INTEGER PRIMARY KEY,
    verdict INTEGER NOT NULL,               -- flow.Verdict
    event INTEGER NOT NULL,                 -- Hubble's event type
    sub INTEGER NOT NULL,                   -- its subtype: drop reason, point
    answer INTEGER,                         -- messages (event 129): 0 asks, 1 answers; else NULL
    direction INTEGER NOT NULL,             -- flow.TrafficDirection
    reply INTEGER,                          -- NULL: unknown
    ip_version INTEGER NOT NULL,            -- of the source address
    protocol INTEGER NOT NULL,              -- IP protocol number
    header INTEGER,                         -- TCP: flags; ICMP: type * 256 + code; UDP, SCTP: 0; NULL: not read, no ports
    rcode INTEGER,                          -- DNS messages: response code; else NULL
    cause TEXT NOT NULL                     -- of a drop, in words
);

-- Who translates a connection, and to which address.
CREATE TABLE translation(
    id INTEGER PRIMARY KEY,
    policy TEXT NOT NULL,
    gateway TEXT NOT NULL,
    gateway_ip INTEGER NOT NULL,            -- 0: not known
    egress_ip INTEGER NOT NULL              -- 0: another node translates
);

-- A device.
CREATE TABLE interface(id INTEGER PRIMARY KEY, number INTEGER NOT NULL, name TEXT NOT NULL);

-- The flows. What has many values is in the row.
CREATE TABLE flow(
    -- (time - segment.since) << 16 | tie: in time order, and the place of a cursor. The tie is a
    -- hash of the UUID, or the next free number (mod 65,536) if another flow of the instant has it.
    id INTEGER PRIMARY KEY,
    origin INTEGER NOT NULL,
    sequence INTEGER NOT NULL,              -- 0 for flows that have no number
    uuid BLOB,                              -- 16 bytes; NULL: follows from node, boot and sequence
    outcome INTEGER NOT NULL,               -- tidegate.v1.Outcome
    kind INTEGER NOT NULL,
    source INTEGER NOT NULL,                -- party
    destination INTEGER NOT NULL,           -- party
    source_port INTEGER NOT NULL,
    destination_port INTEGER NOT NULL,
    translation INTEGER NOT NULL,           -- 0: none
    egress_port INTEGER NOT NULL,
    interface INTEGER NOT NULL,             -- 0: none
    query INTEGER NOT NULL,                 -- fqdn that a DNS message asks for; 0: none
    age INTEGER,                            -- time - start of the connection; NULL: not tracked
    ended INTEGER,                          -- time - end of the connection; NULL: it lives
    packets INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    reply_packets INTEGER NOT NULL,
    reply_bytes INTEGER NOT NULL,
    rest BLOB                               -- what is rare, as in row/rest.rs; NULL: nothing
);

-- Flows by the minute they are of and by outcome. Kept with the flows, so it is exact.
CREATE TABLE hist_minute(
    minute INTEGER NOT NULL,                -- its first nanosecond
    outcome INTEGER NOT NULL,
    flows INTEGER NOT NULL,
    PRIMARY KEY(minute, outcome)
) WITHOUT ROWID;

-- What was stored in one go; a batch for several segments is counted in the newest of them, which
-- is written last. Then, and only then, its progress counts.
CREATE TABLE batch(
    number INTEGER PRIMARY KEY,             -- grows over the whole store
    earliest INTEGER NOT NULL               -- time of the earliest flow of the whole batch
);

-- How far nodes are recorded with the batches above.
CREATE TABLE progress(
    node TEXT NOT NULL,
    boot INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    time INTEGER NOT NULL,
    PRIMARY KEY(node, boot)
) WITHOUT ROWID;
