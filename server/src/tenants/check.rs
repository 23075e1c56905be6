//! Looking for damage: every page, every sealed value, every byte of files. What is found is named by its place; nothing is
//! changed, and nothing is closed because of it.

use super::Host;
use crate::blobs::{self, Part};
use crate::error::{Error, Fail, Kind, Result};
use crate::state::{Workspace, pages};
use crate::store::{self, check};
use std::path::Path;
use std::sync::Arc;
use thechatapp_database::{self as database, Error as DatabaseError};
use thechatapp_protocol::FileId;
use thechatapp_seal::{Context, Key, OpenReader, sealed_len};

/// Of one kind of damage so much is listed; how much there is in all is counted.
const LISTED: usize = 100;

/// What was found in the host's own database, or in one workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The workspace's short name; `host` for the host's own database.
    pub name: String,
    /// How many messages there are.
    pub messages: u64,
    /// Sealed values that were opened.
    pub values: u64,
    /// Files that were read from their start to their end.
    pub files: u64,
    /// How much is damaged.
    pub damaged: u64,
    /// What is damaged, as far as it is listed, or why it could not be looked at.
    pub problems: Vec<String>,
}

impl Checked {
    fn of(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    fn add(&mut self, problems: impl IntoIterator<Item = String>) {
        for problem in problems {
            self.damaged += 1;
            if self.problems.len() < LISTED {
                self.problems.push(problem);
            }
        }
    }
}

/// What failed while the host's own database was opened. Its key came out of the key service for this host, so a file that
/// does not open with it is damaged, or another one.
pub(super) fn host_damaged(path: &Path, key: &Key, why: DatabaseError) -> Error {
    let why = match why {
        DatabaseError::NotADatabase => {
            "it does not open with its key: its first page is damaged, or it is another database".to_owned()
        }
        DatabaseError::Damaged(why) => why,
        why => return why.into(),
    };
    let advice = "restore it from a backup";
    Error::new(Kind::Corrupt, "The host's database is damaged", format!("host.db: {why}{}", pages(path, key)), advice)
}

impl Host {
    /// Checks the host's database and each workspace: pages and their structure, and unless it is to be quick every sealed
    /// value and every file.
    ///
    /// # Errors
    /// When the host is closed.
    pub async fn check(&self, quick: bool) -> Result<Vec<Checked>> {
        let mut all = vec![self.check_own()?];
        for workspace in self.workspaces() {
            let mut checked = Checked::of(&workspace.name);
            if let Err(why) = examine(&workspace, quick, &mut checked).await {
                checked.add([why.to_string()]);
            }
            all.push(checked);
        }
        Ok(all)
    }

    fn check_own(&self) -> Result<Checked> {
        let mut checked = Checked::of("host");
        // Nobody else uses it while it is held.
        let db = self.db()?;
        let path = self.dir.join("host.db");
        let pages = database::empty_wal(&db).and_then(|_| database::damaged_pages(&path, db.opened.key.expose()));
        match pages.and_then(|pages| Ok((pages, database::check(&db)?))) {
            Ok((pages, ())) => checked.add(pages.into_iter().map(|page| format!("host.db: {page}"))),
            Err(why) => checked.add([format!("host.db: {why}")]),
        }
        Ok(checked)
    }
}

async fn examine(workspace: &Arc<Workspace>, quick: bool, checked: &mut Checked) -> Result<()> {
    let file = format!("{}/workspace.db", workspace.name);
    let pages = workspace.damaged_pages().await?;
    checked.add(pages.into_iter().map(|page| format!("{file}: {page}")));
    let structure = workspace.examine(|view| {
        database::check(view.db)?;
        store::messages::count(view)
    });
    match structure.await {
        Ok(messages) => checked.messages = messages,
        Err(why) => {
            // Of what lies on such pages nothing can be read; the rest is not worth a list.
            checked.add([format!("{file}: {}", why.why)]);
            return Ok(());
        }
    }
    if quick {
        return Ok(());
    }
    let found = workspace.examine(check::names_and_keys).await?;
    checked.values += found.values;
    checked.add(found.problems.into_iter().map(|problem| format!("{file}: {problem}")));
    let log = workspace.verify_audit(None, None).await?;
    checked.values += log.entries;
    checked.damaged += log.wrong.saturating_sub(log.problems.len() as u64);
    checked.add(log.problems.into_iter().map(|problem| format!("{file}: audit log: {problem}")));
    let mut at = Some(check::At::default());
    while let Some(from) = at {
        let (found, next) = workspace.look(move |view| check::values(view, &from)).await?;
        checked.values += found.values;
        checked.add(found.problems.into_iter().map(|problem| format!("{file}: {problem}")));
        at = next;
    }
    let (mut after, mut more) = (None, true);
    while more {
        let (files, next) = workspace.look(move |view| check::whole_files(view, after)).await?;
        (after, more) = (next, next.is_some());
        for file in files {
            let id = file.row.id;
            let read = read_whole(workspace, file).await;
            checked.files += 1;
            // One that was removed meanwhile is none.
            if let Err(why) = read
                && workspace.look(move |view| store::files::is_whole(view, id)).await?
            {
                checked.add([format!("{}/files/{id}: {why}", workspace.name)]);
            }
        }
    }
    Ok(())
}

/// Reads a file, and its thumbnail, as whoever downloads it would.
async fn read_whole(workspace: &Arc<Workspace>, file: check::WholeFile) -> std::result::Result<(), String> {
    let id: FileId = file.row.id;
    let thumbnail =
        workspace.look(move |view| store::files::thumbs::size(view, id)).await.map_err(|why| why.to_string())?;
    let stored = async |part, size| workspace.blobs.open(id, part, sealed_len(size)).await?.reader().await;
    let body = stored(Part::Body, file.row.size).await.map_err(|why| why.to_string())?;
    let drawn = match thumbnail {
        Some(size) => Some(stored(Part::Thumbnail, size).await.map_err(|why| format!("its thumbnail: {why}"))?),
        None => None,
    };
    let of = *workspace.id.as_bytes();
    let read = move || {
        let context = Context::file(&of, id.as_bytes());
        match blobs::look_at(body, &file.key, &context, &file.row) {
            Ok(_) => {}
            Err(Fail::Refused(body)) => return Err(format!("it does not open: {}", body.why)),
            Err(why) => return Err(why.to_string()),
        }
        let Some(drawn) = drawn else { return Ok(()) };
        let context = Context::thumbnail(&of, id.as_bytes());
        OpenReader::new(drawn, &file.key, &context)
            .map_err(std::io::Error::from)
            .and_then(|mut opened| std::io::copy(&mut opened, &mut std::io::sink()))
            .map(drop)
            .map_err(|why| format!("its thumbnail does not open: {why}"))
    };
    tokio::task::spawn_blocking(read).await.map_err(|why| why.to_string())?
}
