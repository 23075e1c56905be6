//! The audit log: reading it, taking it away, and how the watch over it stands.

use super::search::{moment, person};
use crate::args::{AuditAction, AuditFormat, AuditQuery};
use crate::output::{Failure, Outcome, line, lines};
use crate::run::Desk;
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use thechatapp_core::audit::export::{Format, Shape};
use thechatapp_core::audit::{Alarm, AuditStatus};
use thechatapp_core::view::PersonView;
use thechatapp_core::{ActorFilter, AuditFilter, Class, Error, Target};

/// Ends a command that found the log changed.
const NOT_AS_IT_WAS: u8 = 24;

/// `audit ...`.
pub async fn audit(desk: &Desk<'_>, action: AuditAction) -> Outcome {
    match action {
        AuditAction::List { query, number } => list(desk, query, number).await,
        AuditAction::Status => status(desk).await,
        AuditAction::Export { query, format, output } => export(desk, query, format, output.as_deref()).await,
        AuditAction::Prove { seq } => prove(desk, seq).await,
        AuditAction::Checkpoint => checkpoint(desk).await,
        AuditAction::Accept => {
            desk.connect().await?;
            show(desk, &desk.client.accept_audit(desk.ws()).await?)
        }
    }
}

async fn list(desk: &Desk<'_>, query: AuditQuery, number: u32) -> Outcome {
    desk.connect().await?;
    let filter = filter(desk, query).await?;
    let entries = desk.client.audit_entries(desk.ws(), &filter, number).await?;
    let people = desk.client.people(desk.ws()).await?;
    let shapes: Vec<Shape> = entries.iter().map(Shape::from).collect();
    desk.output().show(&shapes, || shapes.iter().map(|shape| text(shape, &people)).collect::<Vec<_>>().join("\n"))
}

async fn prove(desk: &Desk<'_>, seq: u64) -> Outcome {
    desk.connect().await?;
    let entry = desk.client.prove_audit_entry(desk.ws(), seq).await?;
    let (shape, people) = (Shape::from(&entry), desk.client.people(desk.ws()).await?);
    desk.output().show(&shape, || text(&shape, &people))
}

/// One entry, for people: names where this device knows them.
fn text(shape: &Shape, people: &[PersonView]) -> String {
    let named = |what: &str| {
        let known = what.strip_prefix("person:").and_then(|id| people.iter().find(|one| one.id.to_string() == id));
        known.map_or_else(|| what.to_owned(), |one| format!("@{}", one.name))
    };
    let mut said =
        format!("{} {} {} {} on {}", shape.seq, shape.at, named(&shape.actor), shape.act, named(&shape.target));
    for (label, value) in [("from", &shape.place), ("before", &shape.before), ("after", &shape.after)] {
        if let Some(value) = value {
            said.push_str(&format!(", {label} {}", named(value)));
        }
    }
    line(&said)
}

async fn filter(desk: &Desk<'_>, query: AuditQuery) -> Outcome<AuditFilter> {
    let AuditQuery { actor, target, class, after, before } = query;
    let actor = match actor.as_deref() {
        None => None,
        Some("host") => Some(ActorFilter::Host),
        Some("server") => Some(ActorFilter::Server),
        Some("stranger") => Some(ActorFilter::Stranger),
        Some(name) => Some(ActorFilter::Person(person(desk, name).await?)),
    };
    let target = match target.as_deref() {
        None => None,
        Some(name) if name.starts_with('@') => Some(Target::Person(person(desk, name).await?)),
        Some(name) if name.starts_with('#') => Some(Target::Channel(desk.channel(name).await?.id)),
        Some(name) => Some(
            name.parse()
                .map_err(|why| Error::bad_input(format!("{name} is nothing that is acted on"), format!("{why}")))?,
        ),
    };
    let class = class.map(|name| name.parse::<Class>()).transpose();
    let class = class.map_err(|why| Error::bad_input(why.to_string(), "see `audit list --help`"))?;
    Ok(AuditFilter { actor, target, class, after: moment(after.as_deref())?, before: moment(before.as_deref())? })
}

#[derive(Serialize)]
struct Exported<'a> {
    entries: u64,
    path: Option<&'a Path>,
}

async fn export(desk: &Desk<'_>, query: AuditQuery, format: AuditFormat, to: Option<&Path>) -> Outcome {
    desk.connect().await?;
    let filter = filter(desk, query).await?;
    let format = match format {
        AuditFormat::Jsonl => Format::Jsonl,
        AuditFormat::Cef => Format::Cef,
    };
    let Some(path) = to else {
        // The entries are the output.
        desk.client.export_audit(desk.ws(), &filter, format, &mut std::io::stdout()).await?;
        return Ok(());
    };
    let mut file = File::create(path)?;
    let entries = desk.client.export_audit(desk.ws(), &filter, format, &mut std::io::BufWriter::new(&mut file)).await?;
    file.sync_all()?;
    desk.output().show(&Exported { entries, path: Some(path) }, || format!("{entries} entries in {}", path.display()))
}

#[derive(Serialize)]
struct Checkpoint {
    note: String,
}

async fn checkpoint(desk: &Desk<'_>) -> Outcome {
    desk.connect().await?;
    let note = desk.client.audit_checkpoint(desk.ws()).await?;
    if desk.output().json {
        return desk.output().show(&Checkpoint { note }, String::new);
    }
    // As it is, with an empty line behind it, so that one can be appended to the other.
    writeln!(std::io::stdout(), "{note}")?;
    Ok(())
}

async fn status(desk: &Desk<'_>) -> Outcome {
    desk.reach().await?;
    let status = desk.client.audit_status(desk.ws()).await?;
    show(desk, &status)?;
    if status.alarm().is_some() { Err(Failure::Said(NOT_AS_IT_WAS)) } else { Ok(()) }
}

/// How the watch stands, for machines.
#[derive(Serialize)]
struct Watch<'a> {
    state: &'static str,
    size: Option<u64>,
    root: Option<&'a str>,
    at: Option<String>,
    alarms: Vec<Found<'a>>,
    unchecked: Option<&'a str>,
}

#[derive(Serialize)]
struct Found<'a> {
    what: &'static str,
    at: String,
    why: &'a str,
    known: &'a str,
    shown: &'a str,
    accepted: Option<String>,
}

impl<'a> Watch<'a> {
    fn new(status: &'a AuditStatus) -> Self {
        let found = |alarm: &'a Alarm| Found {
            what: alarm.what.name(),
            at: alarm.at.to_string(),
            why: &alarm.why,
            known: &alarm.known,
            shown: &alarm.shown,
            accepted: alarm.accepted.map(|at| at.to_string()),
        };
        Self {
            state: status.state,
            size: status.size,
            root: status.root.as_deref(),
            at: status.at.map(|at| at.to_string()),
            alarms: status.alarms.iter().map(found).collect(),
            unchecked: status.unchecked.as_deref(),
        }
    }
}

fn show(desk: &Desk<'_>, status: &AuditStatus) -> Outcome {
    desk.output().show(&Watch::new(status), || {
        let mut said = match (status.size, &status.root, status.at) {
            (Some(size), Some(root), Some(at)) => {
                format!("the log had {size} entries when this device saw it change last, at {at}\nroot {root}")
            }
            _ => "this device has seen no state of the log yet".to_owned(),
        };
        if let Some(why) = &status.unchecked {
            said.push_str(&format!("\nit could not be looked at now: {why}"));
        }
        for alarm in &status.alarms {
            let what = alarm.what.name().replace('_', " ");
            said.push_str(&format!("\n\n{what}, found at {}: {}", alarm.at, alarm.why));
            match alarm.accepted {
                Some(at) => said.push_str(&format!("\naccepted at {at}")),
                None => said.push_str(
                    "\nkeep both states below as evidence, ask whoever runs the server, and go on with `audit accept`",
                ),
            }
            said.push_str(&format!(
                "\nwhat this device knew:\n{}what the server showed:\n{}",
                alarm.known, alarm.shown
            ));
        }
        lines(&said)
    })
}
