//! What a wipe needs of an open workspace.

use super::Workspace;
use crate::error::Fail;
use std::sync::atomic::Ordering;

impl Workspace {
    /// Whether something is being wiped, or was when that was broken off.
    pub fn has_unfinished_wipe(&self) -> bool {
        self.unfinished_wipe.load(Ordering::Relaxed) && self.is_open()
    }

    pub(crate) fn set_unfinished_wipe(&self, is: bool) {
        self.unfinished_wipe.store(is, Ordering::Relaxed);
    }

    /// What was overwritten leaves the WAL. Answers false while somebody reads an older state.
    pub(crate) async fn empty_wal(&self) -> Result<bool, Fail> {
        self.parts()?.writer.apart(|db| Ok(thechatapp_database::empty_wal(db)?)).await
    }

    /// Every value of every table, opened as the database has it: by table.
    ///
    /// # Errors
    /// When the database fails.
    #[cfg(feature = "test-support")]
    pub async fn every_value(&self) -> crate::error::Result<Vec<(String, Vec<u8>)>> {
        let all = self.look(|view| {
            let mut tables = view.db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0")?;
            let tables = tables.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
            let mut all = Vec::new();
            for table in tables {
                let mut rows = view.db.prepare(&format!("SELECT * FROM {table}"))?;
                let columns = rows.column_count();
                let mut rows = rows.query([])?;
                while let Some(row) = rows.next()? {
                    for column in 0..columns {
                        let value = match row.get_ref(column)? {
                            rusqlite::types::ValueRef::Null => continue,
                            rusqlite::types::ValueRef::Integer(number) => number.to_be_bytes().to_vec(),
                            rusqlite::types::ValueRef::Real(number) => number.to_be_bytes().to_vec(),
                            rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) => {
                                bytes.to_vec()
                            }
                        };
                        all.push((table.clone(), value));
                    }
                }
            }
            Ok(all)
        });
        Ok(all.await?)
    }
}
