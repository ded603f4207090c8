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
