//! Logs go to standard error in one format for every role; standard output is for data.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One readable line per event; coloured on a terminal.
    Text,
    /// One JSON object per line.
    Json,
}

/// The least severe level that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something the operator must act on.
    Error,
    /// Something that may need action if it goes on.
    Warn,
    /// Starts, stops and changes of state.
    Info,
    /// Decisions, with names and addresses.
    Debug,
    /// Everything.
    Trace,
    /// Nothing at all.
    Off,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
            Level::Off => "off",
        }
    }
}

/// Starts logging for the process. A second call has no effect, so that a role that runs inside
/// another process (or a test) may call it too.
pub fn init(format: Format, level: Level) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(directives(level)))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // The only error is that a subscriber exists already.
    let _ = match format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// The transport libraries log every HTTP/2 frame at debug; they follow our level only at trace.
fn directives(level: Level) -> String {
    match level {
        Level::Debug => "debug,h2=info,hyper=info,hyper_util=info,tower=info,tonic=info".to_owned(),
        other => other.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_leaves_the_transport_libraries_at_info() {
        let filter = EnvFilter::new(directives(Level::Debug)).to_string();
        assert!(filter.contains("h2=info") && filter.contains("debug"), "{filter}");
    }

    #[test]
    fn starting_twice_is_harmless() {
        init(Format::Text, Level::Off);
        init(Format::Json, Level::Info);
    }
}
