//! For tests: time that passes without anybody waiting for it, and what the audit log has.

use super::Workspace;
use crate::error::{Fail, Result};
use crate::keyring::RecordPlace;
use thechatapp_protocol::audit::AuditEntry;
use thechatapp_protocol::wire;

/// Where times of accounts are stored that something ends by.
const TIMES: [(&str, &[&str]); 8] = [
    ("devices", &["fresh"]),
    ("browsers", &["created", "used", "fresh", "rotated"]),
    ("spent_tokens", &["spent"]),
    ("lockouts", &["since", "until", "changed"]),
    ("known_browsers", &["used"]),
    ("resets", &["expires"]),
    ("invites", &["expires"]),
    ("people", &["created"]),
];

impl Workspace {
    /// Makes everything about accounts that much older.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pass(&self, millis: i64) -> Result<()> {
        let done = self.unguarded(move |tx| {
            for (table, columns) in TIMES {
                let set: Vec<_> = columns.iter().map(|column| format!("{column} = {column} - ?1")).collect();
                tx.db.execute(&format!("UPDATE {table} SET {}", set.join(", ")), [millis])?;
            }
            Ok(())
        });
        Ok(done.await?)
    }

    /// The entries of the audit log, oldest first.
    ///
    /// # Errors
    /// When the database fails, or one does not open.
    pub async fn acts(&self) -> Result<Vec<AuditEntry>> {
        let all = self.look(|view| {
            let mut rows = view.db.prepare("SELECT seq, entry FROM audit ORDER BY seq")?;
            let mut rows = rows.query([])?;
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                let (seq, sealed): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
                let seq = seq.to_be_bytes();
                let place = RecordPlace { table: "audit", column: "entry", row: &seq, revision: 0 };
                let opened = view.keyring.open_record(&place, &sealed)?;
                all.push(wire::decode(&opened).map_err(|_| Fail::Broken("an audit entry that is none"))?);
            }
            Ok(all)
        });
        Ok(all.await?)
    }
}
