//! What can be typed about finding messages, and about how many of them are kept.

use clap::{Args, value_parser};

/// `search`.
#[derive(Debug, Args)]
pub struct Search {
    /// Words that must all occur; "in quotes" next to each other; beginnings*; in:, from:, before:, after:, has:file, order:relevance
    #[arg(required = true)]
    pub words: Vec<String>,
    /// Only in this channel
    #[arg(long = "in", value_name = "CHANNEL")]
    pub channel: Option<String>,
    /// Only by this person
    #[arg(long, value_name = "PERSON")]
    pub from: Option<String>,
    /// Only before this day or moment: 2026-11-24 (UTC) or RFC 3339
    #[arg(long, value_name = "WHEN")]
    pub before: Option<String>,
    /// Only from this day or moment on
    #[arg(long, value_name = "WHEN")]
    pub after: Option<String>,
    /// Only with a file
    #[arg(long)]
    pub has_file: bool,
    /// Of the newest hits the fittest first, in place of the newest first
    #[arg(long, conflicts_with = "remote")]
    pub relevance: bool,
    /// How many at most
    #[arg(short = 'n', long = "number", value_name = "N", default_value_t = 20, value_parser = value_parser!(u32).range(1..))]
    pub number: u32,
    /// Ask the server's index instead of this device's
    #[arg(long)]
    pub remote: bool,
}

/// `storage`.
#[derive(Clone, Copy, Debug, Args)]
pub struct Keep {
    /// Keep the messages of so many days; what is not given is not bounded
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub days: Option<u64>,
    /// Keep at most so many megabytes (MiB) for each workspace
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(16..=16_777_216))]
    pub megabytes: Option<u64>,
    /// Keep all of the past
    #[arg(long, conflicts_with_all = ["days", "megabytes"])]
    pub all: bool,
}
