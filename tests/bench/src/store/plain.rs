//! What somebody would do at first: one table with a column for everything, and an index for what
//! is asked for. It is made and asked by `sqlite3`, the program.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tidegate_flow::flow::{Event, Flow, Party, uuid_text};
use tidegate_store::Record;

use super::asked::Cost;
use super::fill::{FLOWS, traffic};
use crate::cpu;
use crate::options::Options;

/// Less than the store keeps: of several names only the best, no original messages.
const TABLE: &str = "CREATE TABLE flow(
    time INTEGER, uuid TEXT, node TEXT, outcome INTEGER, verdict INTEGER, event INTEGER, sub INTEGER,
    direction INTEGER, reply TEXT,
    source_ip TEXT, source_namespace TEXT, source_pod TEXT, source_workload TEXT, source_labels TEXT,
    source_identity INTEGER, source_name TEXT, source_service TEXT, source_port INTEGER,
    destination_ip TEXT, destination_namespace TEXT, destination_pod TEXT, destination_workload TEXT,
    destination_labels TEXT, destination_identity INTEGER, destination_name TEXT, destination_service TEXT,
    destination_port INTEGER,
    protocol TEXT, policy TEXT, gateway TEXT, egress_ip TEXT, egress_port INTEGER, interface TEXT, query TEXT,
    drop_reason INTEGER, packets INTEGER, bytes INTEGER, reply_packets INTEGER, reply_bytes INTEGER);";
const INDEXES: &str = "CREATE INDEX flow_time ON flow(time);
    CREATE INDEX flow_uuid ON flow(uuid);
    CREATE INDEX flow_source_pod ON flow(source_pod);
    CREATE INDEX flow_destination_pod ON flow(destination_pod);
    CREATE INDEX flow_destination_name ON flow(destination_name);
    CREATE INDEX flow_outcome ON flow(outcome);";

/// The database, and what it took to make it.
#[derive(Debug)]
pub(super) struct Plain {
    path: PathBuf,
    /// What is asked is written here.
    script: PathBuf,
    /// CPU time of a flow, with its part of the indexes.
    pub(super) load: Duration,
    /// Bytes of a flow.
    pub(super) bytes: f64,
}

impl Plain {
    /// Fills a database in `folder`. None: there is no program `sqlite3`.
    ///
    /// # Errors
    /// When it fails.
    pub(super) fn fill(options: &Options, folder: &Path) -> Result<Option<Self>> {
        if Command::new("sqlite3").arg("-version").stdout(Stdio::null()).status().is_err() {
            return Ok(None);
        }
        let path = folder.join("plain.db");
        let mut child = Command::new("sqlite3")
            .arg(&path)
            .args(["PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", "PRAGMA cache_size = -65536", TABLE])
            .args([".import --ascii /dev/stdin flow", INDEXES, "PRAGMA wal_checkpoint(TRUNCATE)"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start sqlite3")?;
        let mut rows = BufWriter::new(child.stdin.take().context("sqlite3 reads")?);
        let mut row = String::new();
        for (n, record) in traffic().enumerate() {
            if n % 10_000 == 0 {
                options.go_on()?;
            }
            row.clear();
            write_row(&mut row, &record);
            rows.write_all(row.as_bytes()).context("sqlite3 has ended")?;
        }
        drop(rows);
        // As long as nobody has asked how it ended, it can be asked what it used.
        let pid = i32::try_from(child.id()).context("a pid is a positive int")?;
        waitid(Id::Pid(Pid::from_raw(pid)), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).context("sqlite3 is gone")?;
        let load = cpu::of_process(pid)? / FLOWS as u32;
        ensure!(child.wait().context("sqlite3 is gone")?.success(), "sqlite3 failed");
        let size = fs::metadata(&path).context("sqlite3 made nothing")?.len();
        Ok(Some(Self { path, script: folder.join("plain.sql"), load, bytes: size as f64 / FLOWS as f64 }))
    }

    /// Asks in a process of its own: what the first answer cost, and the quickest of a few others.
    ///
    /// # Errors
    /// When it fails.
    pub(super) fn ask(&self, sql: &str) -> Result<(Cost, Cost)> {
        let script = [".timer on\n", sql, "\n", sql, "\n", sql, "\n"].concat();
        fs::write(&self.script, script).context("cannot write what is to be asked")?;
        let script = File::open(&self.script).context("cannot read what is to be asked")?;
        let mut sqlite = Command::new("sqlite3");
        sqlite.arg(&self.path).args(["-cmd", "PRAGMA cache_size = -65536"]).stdin(script);
        let done = sqlite.output().context("cannot start sqlite3")?;
        ensure!(done.status.success(), "sqlite3 failed: {}", String::from_utf8_lossy(&done.stderr));
        let costs = costs(&done.stdout)?;
        // A question may be several statements.
        let sum = |costs: &[Cost]| {
            costs.iter().fold(Cost { wall: 0.0, cpu: 0.0 }, |sum, one| Cost {
                wall: sum.wall + one.wall,
                cpu: sum.cpu + one.cpu,
            })
        };
        let mut each: Vec<_> = costs.chunks((costs.len() / 3).max(1)).map(sum).collect();
        ensure!(each.len() == 3, "sqlite3 answered {} questions of three", each.len());
        let cold = each.remove(0);
        let warm = each.into_iter().min_by(|one, other| one.wall.total_cmp(&other.wall));
        Ok((cold, warm.context("sqlite3 was asked again")?))
    }
}

/// What `.timer` says: `Run Time: real 0.021 user 0.011514 sys 0.009128`, in seconds.
fn costs(said: &[u8]) -> Result<Vec<Cost>> {
    let mut costs = Vec::new();
    for line in String::from_utf8_lossy(said).lines().filter_map(|line| line.strip_prefix("Run Time: real ")) {
        let words: Vec<_> = line.split(' ').collect();
        let [wall, "user", user, "sys", system] = words[..] else { bail!("sqlite3 says {line:?} of the time") };
        let number = |word: &str| word.parse::<f64>().context("a time of sqlite3");
        costs.push(Cost { wall: number(wall)? * 1e3, cpu: (number(user)? + number(system)?) * 1e3 });
    }
    Ok(costs)
}

/// A row of [`TABLE`]: cells end in a unit separator, the last one in a record separator.
fn write_row(row: &mut String, record: &Record) {
    let flow = &record.flow;
    let (event, sub) = flow.event.numbers();
    let (source_port, destination_port) = flow.l4.ports().unwrap_or_default();
    let mut cell = |value: &dyn std::fmt::Display| write!(row, "{value}\x1f").expect("a text takes what is written");
    cell(&flow.time);
    cell(&uuid_text(record.uuid));
    cell(&flow.node.name);
    cell(&(flow.outcome() as i32));
    cell(&(flow.verdict as i32));
    cell(&event);
    cell(&sub);
    cell(&(flow.direction as i32));
    cell(&flow.reply.map_or(String::new(), |reply| reply.to_string()));
    for (party, port) in [(&flow.source, source_port), (&flow.destination, destination_port)] {
        write_party(&mut cell, party, port);
    }
    cell(&flow.l4.protocol());
    let translation = flow.translation.as_ref();
    cell(&translation.map_or("", |translation| &translation.policy));
    cell(&translation.map_or("", |translation| &translation.gateway));
    let egress = flow.translated_source();
    cell(&egress.map_or(String::new(), |(address, _)| address.to_string()));
    cell(&egress.map_or(0, |(_, port)| port));
    cell(&flow.interface.as_ref().map_or("", |interface| &interface.name));
    cell(&flow.dns.as_ref().map_or("", |dns| dns.query.as_str()));
    cell(&drop_reason(flow));
    let counters = flow.counters;
    cell(&counters.packets);
    cell(&counters.bytes);
    cell(&counters.reply_packets);
    write!(row, "{}\x1e", counters.reply_bytes).expect("a text takes what is written");
}

fn write_party(cell: &mut impl FnMut(&dyn std::fmt::Display), party: &Party, port: u16) {
    let endpoint = &party.endpoint;
    cell(&party.address);
    cell(&endpoint.namespace);
    cell(&endpoint.pod);
    cell(&endpoint.workloads.first().map_or("", |workload| &workload.name));
    cell(&endpoint.labels.join(","));
    cell(&endpoint.identity);
    cell(&party.names.first().map_or("", |name| name.fqdn.as_str()));
    cell(&party.service.as_ref().map_or("", |service| &service.name));
    cell(&port);
}

fn drop_reason(flow: &Flow) -> i32 {
    match flow.event {
        Event::Drop(reason) => reason.into(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_sqlite3_are_read() {
        let said = b"a|b\nRun Time: real 0.021 user 0.011500 sys 0.009000\nRun Time: real 1.5 user 0.0 sys 0.0\n";
        let costs = costs(said).unwrap();
        assert_eq!(costs.len(), 2);
        assert!((costs[0].wall - 21.0).abs() < 1e-9 && (costs[0].cpu - 20.5).abs() < 1e-9);
        assert!(super::costs(b"Run Time: real 0.1\n").is_err());
    }

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let mut row = String::new();
        write_row(&mut row, &traffic().next().unwrap());
        let columns = TABLE.matches(" INTEGER").count() + TABLE.matches(" TEXT").count();
        assert_eq!(row.matches('\x1f').count() + 1, columns);
        assert!(row.ends_with('\x1e'));
    }
}
