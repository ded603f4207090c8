-- What questions look at, a second time and by column: counting a million rows of `flow` takes
-- seconds, counting these takes milliseconds. A flow is in exactly one block from the transaction
-- on that stores it. Blocks of a sealed segment follow one another in time; before that they are
-- as large as what was stored in one go, and small ones are put together as they become many.
CREATE TABLE block(
    id INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,                 -- the lowest flow.id in it
    last INTEGER NOT NULL,                  -- the highest
    flows INTEGER NOT NULL
);

-- One column of the flows of a block in the order of flow.id: the lowest value in 8 bytes, a number
-- of bytes n from 0 to 8, and for each flow what is to be added in n bytes. Little-endian.
CREATE TABLE block_column(
    id INTEGER PRIMARY KEY,                 -- block.id * 256 + the column's number in query/block.rs
    data BLOB NOT NULL
);

-- The values of the large dictionaries a second time, thousands to a row: a question begins by
-- reading them. What is not in a chunk yet is in the dictionary alone.
CREATE TABLE chunk(
    dictionary INTEGER NOT NULL,            -- its number in query/chunked.rs
    last INTEGER NOT NULL,                  -- the highest id in it; the lowest follows that of the chunk before
    rows INTEGER NOT NULL,
    data BLOB NOT NULL,                     -- its columns, each with its length in 4 bytes before it
    PRIMARY KEY(dictionary, last)
) WITHOUT ROWID;
