//! Proving a backup, and going on from one.

use super::folder::Folder;
use super::snapshot::{Pieces, Snapshot, WorkspaceKept};
use super::{Report, WipedSince};
use crate::auth::password::Cost;
use crate::error::{Error, Kind, Result};
use crate::identity_keys::Identity;
use crate::keyring::Keyring;
use crate::kms::KeySource;
use crate::store::audit::{self, Act, By};
use crate::store::voided::Voided;
use crate::store::wipes::{has_owner, past::Past};
use crate::store::{self, Counts, Tx, View};
use crate::tenants::{Host, invite_owner_in};
use crate::time::now;
use crate::{blobs, blobs::Part, files};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use thechatapp_database::{self as database, Durability};
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::{FileId, WorkspaceId};
use thechatapp_seal::{Context, Key, OpenReader};

/// Proves a backup: every piece is genuine, every database opens and is whole, every shared file opens from its start to
/// its end. It needs room in `scratch` for the largest database, sealed.
///
/// # Errors
/// Corrupt, with what is wrong.
pub fn verify(folder: &Folder, name: Option<&str>, scratch: &Path) -> Result<Report> {
    let _reading = folder.reading()?;
    let (name, snapshot) = folder.snapshot(name)?;
    let opened = folder.open_workspaces(&snapshot)?;
    for (kept, keys) in &opened.workspaces {
        let place = scratch.join("verify");
        files::private_folder(&place)?;
        let proved = prove(folder, kept, keys, &place);
        let _ = std::fs::remove_dir_all(&place);
        proved?;
    }
    Ok(snapshot.report(name, opened.shut))
}

fn prove(folder: &Folder, kept: &WorkspaceKept, (key, database_key): &(Key, Key), place: &Path) -> Result<()> {
    let path = place.join("workspace.db");
    folder.write_out(&kept.database, &path)?;
    let _in_use = database::in_use();
    let db = database::open(&path, database_key.expose(), store::WORKSPACE, Durability::Normal)?;
    database::check(&db)?;
    let keyring = Keyring::load(&db, kept.id, key.clone())?;
    Identity::load(&db, &keyring)?;
    let view = View { db: &db, keyring: &keyring };
    let messages = store::messages::count(view)?;
    let damaged = |why: String| Error::new(Kind::Corrupt, "The backup is damaged", why, "use another backup");
    if messages != kept.messages {
        return Err(damaged(format!("{} messages were kept, {messages} are there", kept.messages)));
    }
    let there = |kept: &'_ [(FileId, Pieces)]| kept.iter().cloned().collect::<BTreeMap<_, _>>();
    let (there, thumbnails) = (there(&kept.files), there(&kept.thumbnails));
    for (row, key) in store::files::all_shared(view)? {
        // One that was removed while the backup was made is not in it.
        let Some(pieces) = there.get(&row.id) else { continue };
        let context = Context::file(kept.id.as_bytes(), row.id.as_bytes());
        blobs::look_at(folder.read(pieces), &key, &context, &row)
            .map_err(|_| damaged(format!("file {} does not open", row.id)))?;
        if let Some(pieces) = thumbnails.get(&row.id) {
            let context = Context::thumbnail(kept.id.as_bytes(), row.id.as_bytes());
            OpenReader::new(folder.read(pieces), &key, &context)
                .and_then(|mut opened| Ok(std::io::copy(&mut opened, &mut std::io::sink())?))
                .map_err(|_| damaged(format!("the thumbnail of {} does not open", row.id)))?;
        }
    }
    Ok(())
}

/// Makes a host from a backup in a folder that has none, under a key service of its own. Each workspace goes on as a new
/// generation of its identity, so that devices know they may have seen more than the server has; one whose own key service gives
/// no key stays out, and the report names it. What may have been used up since is
/// void (see [`store::voided`]), and the report says how much of it there was.
///
/// # Errors
/// Bad input when there is a host already; corrupt; where no workspace opens; then nothing is left behind.
pub fn restore(folder: &Folder, name: Option<&str>, data: &Path, source: &KeySource, cost: Cost) -> Result<Report> {
    let _reading = folder.reading()?;
    let (name, snapshot) = folder.snapshot(name)?;
    let since = Since::of(folder, &name)?;
    make(folder, (name, snapshot), data, (source, cost), &since)
}

/// The same with all that is in it, also what was wiped since: for a look at it.
///
/// # Errors
/// The same.
pub(super) fn restore_all(folder: &Folder, name: &str, data: &Path, source: &KeySource, cost: Cost) -> Result<Report> {
    let _reading = folder.reading()?;
    make(folder, folder.snapshot(Some(name))?, data, (source, cost), &Since::default())
}

fn make(
    folder: &Folder,
    (name, mut snapshot): (String, Snapshot),
    data: &Path,
    (source, cost): (&KeySource, Cost),
    since: &Since,
) -> Result<Report> {
    let mut wiped_since = Vec::new();
    snapshot.workspaces.retain(|kept| {
        let whole = since.workspaces.contains(&kept.id);
        if whole {
            wiped_since.push(WipedSince::of(kept, whole));
        }
        !whole
    });
    if snapshot.workspaces.is_empty() && !wiped_since.is_empty() {
        return Err(Error::bad_input(
            "Nothing is left to restore",
            format!(
                "all that the backup {name} holds was wiped after it was made, as later backups in this folder say"
            ),
            "choose a later one with --backup",
        ));
    }
    let opened = folder.open_workspaces(&snapshot)?;
    let fresh = !data.exists();
    let host = Host::create(data, source, cost)?;
    let made = (|| {
        let mut voided = Voided::default();
        for (kept, keys) in &opened.workspaces {
            let from = (name.as_str(), snapshot.base_url.as_str());
            let (void, wiped) = bring(folder, from, (kept, keys), &host, since.within.get(&kept.id))?;
            voided = voided.and(void);
            wiped_since.extend(wiped);
        }
        // They hold what may be wiped here one day.
        for earlier in folder.snapshots()? {
            if let Ok((name, snapshot)) = folder.snapshot(Some(&earlier)) {
                host.note_backup(folder, &name, &snapshot)?;
            }
        }
        // What was wiped stays so, also as its backups are pruned, but for what came back just now.
        let back = |id: &WorkspaceId| opened.workspaces.iter().any(|(kept, _)| kept.id == *id);
        for id in snapshot.wiped.iter().chain(&since.workspaces).filter(|id| !back(id)) {
            host.note_wiped(*id)?;
        }
        host.set_base_url(&snapshot.base_url)?;
        Ok(voided)
    })();
    host.close();
    let voided = made.inspect_err(|_: &Error| {
        for kept in &snapshot.workspaces {
            let _ = std::fs::remove_dir_all(data.join(&kept.name));
        }
        Host::unmake(data);
        if fresh {
            let _ = std::fs::remove_dir(data);
        }
    })?;
    Ok(Report { voided: Some(voided), wiped_since, ..snapshot.report(name, opened.shut) })
}

/// What later backups in the folder say was wiped.
#[derive(Default)]
struct Since {
    workspaces: BTreeSet<WorkspaceId>,
    within: BTreeMap<WorkspaceId, Past>,
}

impl Since {
    /// Each list opens with the keys of the folder, whatever opens the workspaces in it: one that does not is damaged, or does not belong
    /// there.
    fn of(folder: &Folder, name: &str) -> Result<Self> {
        let mut since = Self::default();
        // Names begin with the time.
        for other in folder.snapshots()?.into_iter().filter(|other| other.as_str() > name) {
            let (_, later) = folder.snapshot(Some(&other)).map_err(|why| untold(&other, why))?;
            since.workspaces.extend(&later.wiped);
            // An earlier release may have brought it back: the latest that holds it counts.
            for kept in later.workspaces {
                since.workspaces.remove(&kept.id);
                since.within.insert(kept.id, kept.wiped);
            }
        }
        Ok(since)
    }
}

/// What the later backup of this name says was wiped is not told.
fn untold(later: &str, why: Error) -> Error {
    let kind = if why.kind == Kind::Newer { Kind::Newer } else { Kind::Corrupt };
    Error::new(
        kind,
        "What was wiped since is not known",
        format!("the later backup {later} does not say it ({}: {}); nothing was restored", why.what, why.why),
        format!(
            "see what backup verify --backup {later} says; to restore without regard to what it knows, take snapshots/{later} out of the \
             folder"
        ),
    )
}

impl WipedSince {
    fn of(kept: &WorkspaceKept, whole: bool) -> Self {
        Self { workspace: kept.name.clone(), whole, channels: 0, people: 0, invite: None }
    }
}

fn bring(
    folder: &Folder,
    (backup, base): (&str, &str),
    (kept, (key, database_key)): (&WorkspaceKept, &(Key, Key)),
    host: &Host,
    wiped: Option<&Past>,
) -> Result<(Voided, Option<WipedSince>)> {
    let place = host.dir().join(&kept.name);
    files::private_folder(&place.join("files"))?;
    let path = place.join("workspace.db");
    folder.write_out(&kept.database, &path)?;
    for (file, pieces) in &kept.files {
        folder.write_out(pieces, &place.join("files").join(Part::Body.name(*file)))?;
    }
    for (file, pieces) in &kept.thumbnails {
        folder.write_out(pieces, &place.join("files").join(Part::Thumbnail.name(*file)))?;
    }
    let (voided, mut wiped_since);
    {
        let _in_use = database::in_use();
        let mut db = database::open(&path, database_key.expose(), store::WORKSPACE, Durability::Full)?;
        database::check(&db)?;
        let step = db.transaction()?;
        let keyring = Keyring::load(&step, kept.id, key.clone())?;
        let identity = Identity::load(&step, &keyring)?.restored(&step)?;
        let act = Act::new(Class::Backup, audit::RESTORED, Target::Workspace);
        audit::record_in(&step, &keyring, By::HOST, act.after(backup))?;
        voided = store::voided::void(&step, now())?;
        let thumbnails: Vec<_> = kept.thumbnails.iter().map(|(file, _)| *file).collect();
        store::files::thumbs::only(&step, &thumbnails)?;
        let counts = Counts::new(store::last_change(&step)?, std::sync::Arc::new(true.into()));
        let mut notes = Vec::new();
        let mut tx = Tx::new(&step, &keyring, &mut notes, &counts);
        let again = wiped.map(|wiped| wiped.left_in(tx.view())).transpose()?.unwrap_or_default();
        let had_owner = has_owner(tx.view())?;
        again.wipe_again(&mut tx)?;
        wiped_since = (!again.is_empty()).then(|| WipedSince {
            channels: again.channels.len() as u64,
            people: again.people.len() as u64,
            ..WipedSince::of(kept, false)
        });
        // Whoever became an owner after the backup is none in it.
        if let Some(since) = &mut wiped_since
            && had_owner
            && !has_owner(tx.view())?
        {
            since.invite = Some(invite_owner_in(&step, &keyring, (&kept.name, base), identity.pin())?);
        }
        step.commit()?;
        // Keys that were destroyed are in the file until the log is.
        database::empty_wal(&db)?;
    }
    host.adopt(kept, key, database_key)?;
    Ok((voided, wiped_since))
}
