//! The datapath: what really leaves, from which address, and what comes back.
//!
//! Real packets in the lab, judged by a capture at the outside host and by what servers say
//! about their callers. [`site`] is a world with egress policies, [`client`] and [`load`] are
//! what pods do in it, [`mirror`] is the server that tells callers who they are; the other
//! modules hold one question each.

mod client;
mod closed;
mod edits;
mod egress;
mod load;
mod mirror;
mod newborn;
mod ports;
mod restarts;
mod site;
mod untouched;
