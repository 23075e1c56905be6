//! What one session hears: first every visible row beyond its cursor, then each change as it happens, in the order of
//! commits, without loss or gap.
//!
//! It subscribes before it reads, so that nothing falls between. One that falls behind the hub, or meets imported history,
//! reads the database again from its own cursor. When even that is too much, the session ends and the device begins anew.

use crate::error::Fail;
use crate::gate::{self, Caller};
use crate::hub::{Audience, Group, Note};
use crate::state::Workspace;
use crate::store::sync::{self, PAGE_BYTES, Plan};
use crate::store::{View, groups, people, settings};
use bytes::Bytes;
use std::collections::HashSet;
use std::sync::Arc;
use thechatapp_protocol::methods::sync::{DeviceBounds, StartSync, StartSyncParams, SyncStarted, Updates};
use thechatapp_protocol::settings::{DEVICE_DAYS, DEVICE_MEGABYTES, MINIMUM_VERSION, UPDATE_CHANNEL};
use thechatapp_protocol::{AccountId, Changes, ChannelId, Event, Method, Row, wire};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, mpsc};

/// Rows gathered into one event, at most.
const TOGETHER: usize = 500;

/// What the listener hands to its session.
#[derive(Debug)]
pub enum Heard {
    /// An encoded event.
    Event(Bytes),
    /// The device must connect again and resume from its cursor.
    Resume,
}

/// A listener that has a plan for what is missing, and hears what comes.
pub struct Listener {
    workspace: Arc<Workspace>,
    caller: Caller,
    groups: broadcast::Receiver<Arc<Group>>,
    plan: Plan,
    cursor: u64,
    channels: HashSet<ChannelId>,
    /// For a guest, whom they see: nothing that goes to everybody reaches them as it is.
    sees: Option<HashSet<AccountId>>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("caller", &self.caller).field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

impl Listener {
    /// Begins at a cursor.
    ///
    /// # Errors
    /// The gate's refusal, resync for a cursor that never was, or that of the database.
    pub async fn start(
        workspace: Arc<Workspace>,
        caller: Caller,
        params: StartSyncParams,
    ) -> Result<(Self, SyncStarted), Fail> {
        // Of a closed workspace it is not known how far it is.
        workspace.keyring()?;
        let (groups, head) = workspace.hub.subscribe();
        if params.after > head {
            return Err(thechatapp_protocol::ErrorBody::new(
                thechatapp_protocol::Code::Resync,
                "This device is ahead of the server",
                "the server was restored from a backup",
                "the app syncs anew by itself",
            )
            .into());
        }
        let (plan, changed, updates, bounds) = workspace
            .read::<StartSync, _>(caller, StartSync::scope(&params), move |view, permit| {
                let minimum = Some(settings::word(view, MINIMUM_VERSION)?).filter(|asked| !asked.is_empty());
                let updates = Updates { channel: settings::word(view, UPDATE_CHANNEL)?, minimum };
                let some = |number: u64| Some(number).filter(|number| *number > 0);
                let bounds = DeviceBounds {
                    days: some(settings::number(view, DEVICE_DAYS)?),
                    megabytes: some(settings::number(view, DEVICE_MEGABYTES)?),
                };
                let plan = sync::plan(view, permit.person(), params.after, head)?;
                let changed = if plan.heads { sync::changed(view, permit.person(), params.after)? } else { None };
                Ok((plan, changed, updates, bounds))
            })
            .await?;
        let started = SyncStarted { head, heads: plan.heads, changed, updates: Some(updates), bounds: Some(bounds) };
        let (channels, sees) = (plan.channels.clone(), plan.sees.clone());
        Ok((Self { workspace, caller, groups, plan, cursor: params.after, channels, sees }, started))
    }

    /// Hears until the session ends (its end of the channel is dropped) or must resume.
    pub async fn run(mut self, out: mpsc::Sender<Heard>) {
        if let Err(why) = self.hear(&out).await {
            if let Some(fault) = why {
                tracing::debug!(error = %fault, "a listener ends");
            }
            let _ = out.send(Heard::Resume).await;
        }
    }

    /// `Err(None)` asks for a resume that is nobody's fault.
    async fn hear(&mut self, out: &mpsc::Sender<Heard>) -> Result<(), Option<Fail>> {
        self.catch_up(out).await?;
        loop {
            // A session that has ended would be noticed only with the next commit, and a stopping server waits for this.
            let heard = tokio::select! {
                heard = self.groups.recv() => heard,
                () = out.closed() => return Ok(()),
            };
            match heard {
                Ok(group) => {
                    let mut groups = vec![group];
                    let mut lost = false;
                    while groups.iter().map(|group| group.notes.len()).sum::<usize>() < TOGETHER {
                        match self.groups.try_recv() {
                            Ok(group) => groups.push(group),
                            Err(TryRecvError::Lagged(_)) => {
                                lost = true;
                                break;
                            }
                            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                        }
                    }
                    if lost {
                        self.begin_again(out).await?;
                    } else if !self.pass_on(&groups, out).await? {
                        return Ok(());
                    }
                }
                Err(RecvError::Lagged(_)) => self.begin_again(out).await?,
                Err(RecvError::Closed) => return Ok(()),
            }
        }
    }

    /// Sends what the plan holds; the last page says that it is live.
    async fn catch_up(&mut self, out: &mpsc::Sender<Heard>) -> Result<(), Option<Fail>> {
        loop {
            let mut plan = self.plan.clone();
            let (plan, mut page) = self
                .workspace
                .look(move |view| {
                    let page = plan.page(view)?;
                    Ok((plan, page))
                })
                .await?;
            let done = plan.done();
            self.plan = plan;
            page.live = done;
            self.cursor = page.to;
            if !send(out, &Event::Changes(page)).await? || done {
                return Ok(());
            }
        }
    }

    /// Reads the database from the cursor on, as if the session had just begun.
    async fn begin_again(&mut self, out: &mpsc::Sender<Heard>) -> Result<(), Option<Fail>> {
        let (groups, head) = self.workspace.hub.subscribe();
        self.groups = groups;
        let (caller, cursor) = (self.caller, self.cursor);
        let plan = self
            .workspace
            .look(move |view| {
                let params = StartSyncParams { after: cursor };
                let permit = gate::permit::<StartSync>(view, caller, StartSync::scope(&params))?;
                sync::plan(view, permit.person(), cursor, head)
            })
            .await?;
        if plan.heads {
            return Err(None);
        }
        self.channels.clone_from(&plan.channels);
        self.sees.clone_from(&plan.sees);
        self.plan = plan;
        self.catch_up(out).await
    }

    /// Passes on what these groups hold for this person; false when the session has ended.
    async fn pass_on(&mut self, groups: &[Arc<Group>], out: &mpsc::Sender<Heard>) -> Result<bool, Option<Fail>> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let mut to = self.cursor;
        for group in groups {
            if group.to <= self.cursor {
                continue;
            }
            if rows.is_empty() && groups.len() == 1 && group.weight <= PAGE_BYTES && self.sees_all(group) {
                self.cursor = group.to;
                return Ok(out.send(Heard::Event(group.whole())).await.is_ok());
            }
            for note in &group.notes {
                match note {
                    Note::Row { row, .. } if row.change() <= self.cursor => {}
                    Note::Row { row: Row::Member(member), .. } if member.person == self.caller.person => {
                        rows.push(Row::Member(*member));
                        if member.joined {
                            self.channels.insert(member.channel);
                            let (person, channel) = (member.person, member.channel);
                            let snapshot =
                                self.workspace.look(move |view| sync::snapshot(view, person, channel)).await?;
                            self.now_sees(&snapshot);
                            for row in snapshot {
                                if bytes > PAGE_BYTES {
                                    if !send(out, &changes(std::mem::take(&mut rows), to)).await? {
                                        return Ok(false);
                                    }
                                    (self.cursor, bytes) = (to, 0);
                                }
                                bytes += sync::weight(&row);
                                rows.push(row);
                            }
                        } else {
                            self.channels.remove(&member.channel);
                        }
                    }
                    // What they may see has become less: the device begins anew, and gets nothing more until then.
                    Note::Narrowed { person, change } if *person == self.caller.person && *change > self.cursor => {
                        return Err(None);
                    }
                    Note::Row { row, audience } if self.sees(row, *audience) => {
                        // An event must fit into one message, however much was committed at once.
                        if bytes > PAGE_BYTES {
                            if !send(out, &changes(std::mem::take(&mut rows), to)).await? {
                                return Ok(false);
                            }
                            (self.cursor, bytes) = (to, 0);
                        }
                        for row in self.before(row).await? {
                            bytes += sync::weight(&row);
                            rows.push(row);
                        }
                        bytes += sync::weight(row);
                        rows.push(row.clone());
                    }
                    Note::Bulk { channel, to } if *to > self.cursor && self.channels.contains(channel) => {
                        // What came before it goes out first; the rest is read.
                        if !rows.is_empty() && !send(out, &changes(rows, self.cursor)).await? {
                            return Ok(false);
                        }
                        self.begin_again(out).await?;
                        return Ok(true);
                    }
                    Note::Row { .. } | Note::Bulk { .. } | Note::SignedOut(_) | Note::Narrowed { .. } => {}
                }
                if let Note::Row { row, .. } = note {
                    to = to.max(row.change());
                }
            }
            to = to.max(group.to);
        }
        if rows.is_empty() {
            self.cursor = to;
            return Ok(true);
        }
        let event = changes(rows, to);
        self.cursor = to;
        send(out, &event).await.map_err(Some)
    }

    /// Rows that have to come before this one, because the device may lack what it speaks of.
    async fn before(&mut self, row: &Row) -> Result<Vec<Row>, Fail> {
        let me = self.caller.person;
        match (row, &mut self.sees) {
            (Row::Member(member), Some(sees)) => {
                let other = member.person;
                if !sees.insert(other) {
                    return Ok(Vec::new());
                }
                self.workspace.look(move |view| Ok(vec![Row::Person(people::row(view, other)?)])).await
            }
            (Row::InGroup(row), _) => {
                let group = row.group;
                let find = move |view: View<'_>| {
                    let who = groups::Looker::of(view, me)?;
                    Ok(groups::seen_row(view, who, group)?.map(Row::Group).into_iter().collect())
                };
                self.workspace.look(find).await
            }
            (Row::Standing(_), _) => self.workspace.look(move |view| sync::hidden_groups(view, me)).await,
            _ => Ok(Vec::new()),
        }
    }

    /// A guest sees those whom a channel they joined has shown.
    fn now_sees(&mut self, rows: &[Row]) {
        if let Some(sees) = &mut self.sees {
            sees.extend(rows.iter().filter_map(|row| match row {
                Row::Person(person) => Some(person.id),
                _ => None,
            }));
        }
    }

    fn sees(&self, row: &Row, audience: Audience) -> bool {
        match (audience, &self.sees) {
            (Audience::Everyone, None) => true,
            (Audience::Everyone, Some(sees)) => match row {
                Row::Person(person) => sees.contains(&person.id),
                Row::Channel(channel) => self.channels.contains(&channel.id),
                _ => false,
            },
            (Audience::Members(channel), _) => self.channels.contains(&channel),
            (Audience::Outside(channel), sees) => sees.is_none() && !self.channels.contains(&channel),
            (Audience::Person(person), _) => person == self.caller.person,
        }
    }

    /// Whether every note is a row that this person sees and that changes nothing of what they see.
    fn sees_all(&self, group: &Group) -> bool {
        // What a guest hears is looked at row by row.
        self.sees.is_none()
            && group.notes.iter().all(|note| match note {
                Note::Row { row: Row::Member(member), .. } if member.person == self.caller.person => false,
                Note::Row { row: Row::Standing(_) | Row::InGroup(_), .. } => false,
                Note::Row { row, audience } => row.change() > self.cursor && self.sees(row, *audience),
                Note::Bulk { .. } | Note::SignedOut(_) | Note::Narrowed { .. } => false,
            })
    }
}

fn changes(rows: Vec<Row>, to: u64) -> Event {
    Event::Changes(Changes { rows, to, live: true })
}

async fn send(out: &mpsc::Sender<Heard>, event: &Event) -> Result<bool, Fail> {
    let encoded = wire::encode(event).map_err(|_| Fail::Broken("an event that does not encode"))?;
    Ok(out.send(Heard::Event(encoded.into())).await.is_ok())
}
