//! What was seen of audit logs: the states, from the newest back, and what was found wrong.

use super::Local;
use crate::audit::{Alarm, Seen, Wrong, stored};
use crate::error::Result;
use rusqlite::params;
use thechatapp_protocol::audit::tree::{Hash, Head};
use thechatapp_protocol::{Timestamp, WorkspaceId};

/// States that are kept of one log. More of the newest than of the older ones are not needed: they are there to find out
/// how much a restore has left.
const STATES: u32 = 200;

impl Local {
    /// The states of a log that were seen, the newest first.
    pub(crate) async fn audit_seen(&self, workspace: WorkspaceId) -> Result<Vec<Seen>> {
        let rows = self
            .read(move |db| {
                let mut query = db.prepare(
                    "SELECT size, root, note, generation, at FROM audit_seen WHERE workspace = ?1 ORDER BY size DESC",
                )?;
                let rows = query.query_map([workspace.as_bytes()], |row| {
                    let (size, root): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
                    Ok((root, size, row.get(2)?, row.get(3)?, Timestamp(row.get(4)?)))
                })?;
                Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?)
            })
            .await?;
        let seen = rows.into_iter().map(|(root, size, note, generation, at)| {
            let root: Hash = stored(&root)?;
            let head = Head { size: u64::try_from(size).unwrap_or(0), root };
            Ok(Seen { head, note, generation, at })
        });
        seen.collect()
    }

    /// Remembers a state. With `anew`, those of before are forgotten: they were of another history.
    pub(crate) async fn put_audit_seen(&self, workspace: WorkspaceId, seen: Seen, anew: bool) -> Result<()> {
        self.write(move |db| {
            if anew {
                db.execute("DELETE FROM audit_seen WHERE workspace = ?1", [workspace.as_bytes()])?;
            }
            db.execute(
                "INSERT INTO audit_seen (workspace, size, root, note, generation, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET note = excluded.note, generation = excluded.generation, at = excluded.at",
                params![
                    workspace.as_bytes(),
                    seen.head.size as i64,
                    seen.head.root.0,
                    seen.note,
                    seen.generation,
                    seen.at.0
                ],
            )?;
            db.execute(
                "DELETE FROM audit_seen WHERE workspace = ?1 AND size NOT IN
                    (SELECT size FROM audit_seen WHERE workspace = ?1 ORDER BY size DESC LIMIT ?2)",
                params![workspace.as_bytes(), STATES],
            )?;
            Ok(())
        })
        .await
    }

    /// What was found wrong with a log, the newest first.
    pub(crate) async fn audit_alarms(&self, workspace: WorkspaceId) -> Result<Vec<Alarm>> {
        self.read(move |db| {
            let mut query = db.prepare(
                "SELECT what, at, why, known, shown, accepted FROM audit_alarms WHERE workspace = ?1 ORDER BY number DESC",
            )?;
            let rows = query.query_map([workspace.as_bytes()], |row| {
                let what: String = row.get(0)?;
                Ok(Alarm {
                    // A kind that a newer release knows is at least that.
                    what: Wrong::named(&what).unwrap_or(Wrong::Tampered),
                    at: Timestamp(row.get(1)?),
                    why: row.get(2)?,
                    known: row.get(3)?,
                    shown: row.get(4)?,
                    accepted: row.get::<_, Option<i64>>(5)?.map(Timestamp),
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// Keeps what was found wrong.
    pub(crate) async fn put_audit_alarm(&self, workspace: WorkspaceId, alarm: Alarm) -> Result<()> {
        self.write(move |db| {
            db.execute(
                "INSERT INTO audit_alarms (workspace, what, at, why, known, shown) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![workspace.as_bytes(), alarm.what.name(), alarm.at.0, alarm.why, alarm.known, alarm.shown],
            )?;
            Ok(())
        })
        .await
    }

    /// Somebody decided to go on.
    pub(crate) async fn accept_audit_alarms(&self, workspace: WorkspaceId, at: Timestamp) -> Result<()> {
        self.write(move |db| {
            db.execute(
                "UPDATE audit_alarms SET accepted = ?2 WHERE workspace = ?1 AND accepted IS NULL",
                params![workspace.as_bytes(), at.0],
            )?;
            Ok(())
        })
        .await
    }
}
