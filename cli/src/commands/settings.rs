//! Settings, and how much a workspace is used.

use crate::args::SettingsAction;
use crate::output::{Outcome, line};
use crate::run::Desk;
use serde::Serialize;
use thechatapp_core::settings::{SettingRow, SettingVersion, UsageReply, Value};

#[derive(Serialize)]
struct Setting<'a> {
    name: &'a str,
    value: &'a Value,
    default: &'a Value,
    version: u64,
    power: &'static str,
    about: &'a str,
}

impl<'a> Setting<'a> {
    fn new(row: &'a SettingRow) -> Self {
        let SettingRow { name, value, default, version, power, about } = row;
        Self { name, value, default, version: *version, power: power.name(), about }
    }

    fn text(&self) -> String {
        let Self { name, value, about, .. } = self;
        line(&format!("{name:<36}  {:<12}  {about}", value.to_string()))
    }
}

#[derive(Serialize)]
struct Version<'a> {
    version: u64,
    value: &'a Value,
    by: String,
    at: String,
}

#[derive(Serialize)]
struct Day {
    day: String,
    messages: u64,
    people: u64,
}

#[derive(Serialize)]
struct Used {
    accounts: u64,
    channels: u64,
    messages: u64,
    file_bytes: u64,
    days: Vec<Day>,
}

/// `settings ...`.
pub async fn settings(desk: &Desk<'_>, action: SettingsAction) -> Outcome {
    desk.connect().await?;
    let (client, ws) = (&desk.client, desk.ws());
    match action {
        SettingsAction::List => {
            let rows = client.settings(ws).await?;
            let shapes: Vec<_> = rows.iter().map(Setting::new).collect();
            desk.output().show(&shapes, || shapes.iter().map(Setting::text).collect::<Vec<_>>().join("\n"))
        }
        SettingsAction::Set { name, value } => show(desk, &client.change_setting(ws, &name, Some(&value)).await?),
        SettingsAction::Revert { name, to } => show(desk, &client.revert_setting(ws, &name, to).await?),
        SettingsAction::History { name } => {
            let versions = client.setting_history(ws, &name).await?;
            let people = client.people(ws).await?;
            let name_of = |version: &SettingVersion| {
                let found = people.iter().find(|person| person.id == version.by);
                found.map_or_else(|| version.by.to_string(), |person| person.name.clone())
            };
            let shapes: Vec<_> = versions
                .iter()
                .map(|was| Version {
                    version: was.version,
                    value: &was.value,
                    by: name_of(was),
                    at: was.at.to_string(),
                })
                .collect();
            desk.output().show(&shapes, || {
                let lines = shapes.iter().map(|was| {
                    line(&format!("{:>4}  {:<12}  {}  {}", was.version, was.value.to_string(), was.at, was.by))
                });
                lines.collect::<Vec<_>>().join("\n")
            })
        }
        SettingsAction::Usage { days } => {
            let used = counted(client.usage(ws, days).await?);
            desk.output().show(&used, || {
                let head = format!(
                    "{} accounts, {} channels, {} messages, {} bytes of files",
                    used.accounts, used.channels, used.messages, used.file_bytes
                );
                let days = used
                    .days
                    .iter()
                    .map(|day| format!("{}  {:>7} messages  {:>5} people", day.day, day.messages, day.people));
                std::iter::once(head).chain(days).collect::<Vec<_>>().join("\n")
            })
        }
    }
}

fn show(desk: &Desk<'_>, row: &SettingRow) -> Outcome {
    let shape = Setting::new(row);
    desk.output().show(&shape, || format!("{} is {}", shape.name, shape.value))
}

fn counted(used: UsageReply) -> Used {
    let UsageReply { accounts, channels, messages, file_bytes, days } = used;
    let days = days
        .into_iter()
        .map(|day| Day {
            day: day.day.to_string().chars().take(10).collect(),
            messages: day.messages,
            people: day.people,
        })
        .collect();
    Used { accounts, channels, messages, file_bytes, days }
}
