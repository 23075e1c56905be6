//! The sealed bytes of a workspace's files: `<workspace>/files/<id>`, while being uploaded `<id>.part`. With a bucket ([`storage`])
//! whole files lie there instead; what is in the folder still counts, until it was moved (see [`Blobs::lying`]).
//!
//! They are sealed before they come and stay so; the server opens a file once, when its upload ends, to see that it is what
//! it says. What may be asked of them over HTTPS was decided in a session: see [`Tokens`].

mod asked;
mod check;
mod danger;
mod http;
mod lease;
pub mod storage;
mod stored;
mod sweep;
mod tokens;

pub(crate) use asked::{Asked, asked};
pub use check::{UNKNOWN, check_name, is_hidden, look_at};
pub use danger::{Verdict, judge, refusal};
pub use http::router;
pub use lease::{Lease, Right};
pub use stored::{Reading, Stored};
pub use tokens::{Allowed, Tokens};

use crate::error::Fail;
use crate::files;
use crate::store::files::Limits;
use futures_util::TryStreamExt;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use storage::Shelf;
use stored::Place;
use thechatapp_protocol::{FileId, Timestamp};
use thechatapp_seal::HEADER;

/// What a workspace that was told nothing else may store.
pub const LIMITS: Limits = Limits { file: 2 << 30, person: u64::MAX, workspace: u64::MAX };

/// How much of a file is in memory at once on its way out.
const PIECE: usize = 256 * 1024;
/// How much of it is read before anything goes out.
const BEGINNING: u64 = 64 * 1024;
/// Of how many files the header is at hand.
const HEADERS: usize = 1024;

/// What is stored of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The file itself.
    Body,
    /// Its thumbnail.
    Thumbnail,
}

impl Part {
    /// Under which name, in the folder and in a bucket.
    pub(crate) fn name(self, file: FileId) -> String {
        match self {
            Self::Body => file.to_string(),
            Self::Thumbnail => format!("{file}.thumb"),
        }
    }
}

/// A file of which something lies in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lying {
    /// Which.
    pub file: FileId,
    /// When any of it was last written.
    pub touched: SystemTime,
}

/// One workspace's blobs.
#[derive(Debug)]
pub struct Blobs {
    folder: PathBuf,
    bucket: RwLock<Option<Shelf>>,
    /// Permissions for requests.
    pub tokens: Tokens,
    limits: RwLock<Limits>,
    busy: Arc<Mutex<HashSet<FileId>>>,
    /// Whether pictures may have come since they were last looked for.
    pictures: AtomicBool,
    /// When it was last seen to that nothing lies in the folder that belongs nowhere.
    looked_through: Mutex<Option<Timestamp>>,
    /// Headers of whole files that were asked for, which never change; far fewer than there are files.
    headers: Mutex<HashMap<FileId, Vec<u8>>>,
    /// Held by whoever makes thumbnails.
    pub(crate) drawing: tokio::sync::Mutex<()>,
}

/// While it is held nobody else writes this upload.
#[derive(Debug)]
pub struct Busy {
    file: FileId,
    all: Arc<Mutex<HashSet<FileId>>>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.file);
    }
}

impl Blobs {
    /// In a workspace's folder.
    pub fn of(workspace: &Path) -> Self {
        let folder = workspace.join("files");
        Self {
            folder,
            bucket: RwLock::default(),
            tokens: Tokens::default(),
            limits: RwLock::new(LIMITS),
            busy: Arc::default(),
            pictures: true.into(),
            looked_through: Mutex::default(),
            headers: Mutex::default(),
            drawing: tokio::sync::Mutex::default(),
        }
    }

    /// A picture is there that may get a thumbnail.
    pub(crate) fn picture_came(&self) {
        self.pictures.store(true, Ordering::Relaxed);
    }

    pub(crate) fn take_pictures(&self) -> bool {
        self.pictures.swap(false, Ordering::Relaxed)
    }

    /// Sets where whole files go from now on, instead of into the folder.
    pub fn set_bucket(&self, bucket: Shelf) {
        *self.bucket.write().unwrap_or_else(PoisonError::into_inner) = Some(bucket);
    }

    fn bucket(&self) -> Option<Shelf> {
        self.bucket.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How much may be stored.
    pub fn limits(&self) -> Limits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets how much may be stored from now on.
    pub fn set_limits(&self, limits: Limits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// Where a whole file is.
    pub fn whole(&self, file: FileId) -> PathBuf {
        self.folder.join(file.to_string())
    }

    fn part(&self, file: FileId) -> PathBuf {
        self.folder.join(format!("{file}.part"))
    }

    fn place(&self, file: FileId, part: Part) -> PathBuf {
        self.folder.join(part.name(file))
    }

    /// Whatever may lie in the folder of a file, half written thumbnails included.
    pub(crate) fn remove_here(&self, file: FileId) -> io::Result<()> {
        let thumbnail = self.place(file, Part::Thumbnail);
        for path in [self.part(file), self.whole(file), thumbnail.with_extension("new"), thumbnail] {
            match std::fs::remove_file(path) {
                Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
                _ => {}
            }
        }
        Ok(())
    }

    /// How many bytes of an upload are here.
    ///
    /// # Errors
    /// The system's.
    pub fn uploaded(&self, file: FileId) -> io::Result<u64> {
        for path in [self.part(file), self.whole(file)] {
            match std::fs::metadata(path) {
                Ok(found) => return Ok(found.len()),
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                Err(why) => return Err(why),
            }
        }
        Ok(0)
    }

    /// Takes an upload for oneself.
    pub fn claim(&self, file: FileId) -> Option<Busy> {
        let free = self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(file);
        free.then(|| Busy { file, all: self.busy.clone() })
    }

    /// An upload's file, to be written on at its end.
    ///
    /// # Errors
    /// The system's.
    pub fn append(&self, file: FileId) -> io::Result<File> {
        let path = self.part(file);
        files::private_folder(&self.folder)?;
        files::touch_private(&path)?;
        OpenOptions::new().append(true).open(path)
    }

    /// An upload as it is now, or a whole file whose end was not noted in the database.
    ///
    /// # Errors
    /// The system's.
    pub fn read_upload(&self, file: FileId) -> io::Result<File> {
        File::open(self.part(file)).or_else(|_| File::open(self.whole(file)))
    }

    /// Makes an upload a whole file: in the bucket, or on the disk under its name. A second time changes nothing.
    ///
    /// # Errors
    /// The system's, or the bucket's: then the upload is as it was.
    pub async fn keep(self: &Arc<Self>, file: FileId) -> Result<(), Fail> {
        let own = self.clone();
        match self.bucket() {
            Some(bucket) => bucket.put(&Part::Body.name(file), blocking(move || own.read_upload(file)).await?).await,
            None => blocking(move || own.keep_in_folder(file)).await,
        }
    }

    fn keep_in_folder(&self, file: FileId) -> io::Result<()> {
        let (part, whole) = (self.part(file), self.whole(file));
        match OpenOptions::new().append(true).open(&part) {
            Ok(open) => open.sync_all()?,
            Err(why) if why.kind() == io::ErrorKind::NotFound && whole.exists() => return Ok(()),
            Err(why) => return Err(why),
        }
        std::fs::rename(&part, &whole)?;
        files::sync_parent(&whole)
    }

    /// The upload is whole elsewhere, and the database says so.
    pub async fn kept(self: &Arc<Self>, file: FileId) {
        if self.bucket().is_some() {
            let own = self.clone();
            // If this is not reached, the next sweep finds it.
            let _ = blocking(move || own.remove_here(file)).await;
        }
    }

    /// Stores the sealed thumbnail of a file, in the place of one that is there.
    ///
    /// # Errors
    /// The system's, or the bucket's.
    pub async fn keep_thumbnail(self: &Arc<Self>, file: FileId, sealed: Vec<u8>) -> Result<(), Fail> {
        match self.bucket() {
            Some(bucket) => bucket.put_bytes(&Part::Thumbnail.name(file), sealed).await,
            None => {
                let path = self.place(file, Part::Thumbnail);
                blocking(move || files::write_private(&path, &sealed)).await
            }
        }
    }

    /// What is stored of a whole file, so many sealed bytes.
    ///
    /// # Errors
    /// Not found; the system's. With a bucket only reading tells.
    pub async fn open(&self, file: FileId, part: Part, size: u64) -> Result<Stored, Fail> {
        let path = self.place(file, part);
        let opened = blocking(move || {
            let open = File::open(path)?;
            let size = open.metadata()?.len();
            Ok(Stored { size, from: Place::Folder(open) })
        })
        .await;
        match opened {
            Err(Fail::File(why)) if why.kind() == io::ErrorKind::NotFound => {
                self.in_bucket(file, part, size).ok_or(Fail::File(why))
            }
            opened => opened,
        }
    }

    /// The same of what does not lie in the folder; none without a bucket.
    pub fn in_bucket(&self, file: FileId, part: Part, size: u64) -> Option<Stored> {
        self.bucket().map(|shelf| Stored { size, from: Place::Bucket(shelf, part.name(file)) })
    }

    /// The header of a whole file, of so many sealed bytes: what any part of it is opened with.
    ///
    /// # Errors
    /// Not found; the system's, or the bucket's.
    pub async fn header(&self, file: FileId, size: u64) -> Result<Vec<u8>, Fail> {
        if let Some(known) = self.headers().get(&file) {
            return Ok(known.clone());
        }
        let pieces = self.open(file, Part::Body, size).await?.pieces(0, HEADER as u64).await?;
        let header = pieces.try_collect::<bytes::BytesMut>().await?.to_vec();
        let mut headers = self.headers();
        if headers.len() >= HEADERS {
            headers.clear();
        }
        headers.insert(file, header.clone());
        Ok(header)
    }

    fn headers(&self) -> MutexGuard<'_, HashMap<FileId, Vec<u8>>> {
        self.headers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `want` makes of a whole file's size, and the beginning of it, by one turn at the disk. `None` where the file does not
    /// lie in the folder.
    ///
    /// # Errors
    /// The system's.
    pub async fn begin(
        &self,
        file: FileId,
        part: Part,
        want: impl FnOnce(u64) -> Asked + Send + 'static,
    ) -> Result<Option<Reading>, Fail> {
        let path = self.place(file, part);
        let begun = blocking(move || {
            let mut open = File::open(path)?;
            let size = open.metadata()?.len();
            let wanted = want(size);
            let (first, length) = wanted.bytes(size);
            let mut piece = Vec::new();
            if length > 0 {
                open.seek(SeekFrom::Start(first))?;
                let now = length.min(BEGINNING);
                piece.reserve_exact(usize::try_from(now).unwrap_or_default());
                (&open).take(now).read_to_end(&mut piece)?;
            }
            Ok((size, wanted, piece, open))
        })
        .await;
        let (size, wanted, piece, open) = match begun {
            Err(Fail::File(why)) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            begun => begun?,
        };
        Ok(Some(Reading::begun(size, wanted, piece, open)))
    }

    /// Deletes what is here of files. What is not here is no error. The answer is those that are gone: one that somebody
    /// writes at the moment stays.
    ///
    /// # Errors
    /// The system's, or the bucket's.
    pub async fn delete(self: &Arc<Self>, gone: &[FileId]) -> Result<Vec<FileId>, Fail> {
        let taken: Vec<_> = gone.iter().filter_map(|file| self.claim(*file)).collect();
        let gone: Vec<_> = taken.iter().map(|busy| busy.file).collect();
        let (own, here) = (self.clone(), gone.clone());
        blocking(move || here.iter().try_for_each(|file| own.remove_here(*file))).await?;
        self.headers().retain(|file, _| !gone.contains(file));
        if let Some(bucket) = self.bucket() {
            let names = gone.iter().flat_map(|file| [Part::Body, Part::Thumbnail].map(|part| part.name(*file)));
            bucket.delete(names.collect()).await?;
        }
        Ok(gone)
    }

    /// Removes what lies in the folder of a file, and nothing from the bucket.
    pub(crate) async fn remove_lying(self: &Arc<Self>, file: FileId) -> Result<(), Fail> {
        let own = self.clone();
        blocking(move || own.remove_here(file)).await
    }

    /// The files of which something lies in the folder.
    ///
    /// # Errors
    /// The system's.
    pub async fn lying(self: &Arc<Self>) -> Result<Vec<Lying>, Fail> {
        let folder = self.folder.clone();
        blocking(move || {
            let mut found = BTreeMap::new();
            let entries = match std::fs::read_dir(folder) {
                Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                let name = name.to_str().map(|name| name.split('.').next().unwrap_or(name));
                let Some(file) = name.and_then(|name| name.parse::<FileId>().ok()) else { continue };
                let touched = match entry.metadata() {
                    // An upload that ended meanwhile has another name by now.
                    Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
                    about => about?.modified()?,
                };
                let latest = found.entry(file).or_insert(touched);
                *latest = touched.max(*latest);
            }
            Ok(found.into_iter().map(|(file, touched)| Lying { file, touched }).collect())
        })
        .await
    }

    /// Whether the folder is to be looked through as of a moment: always with a bucket, where nothing is to stay in it, and
    /// else once in so long, since it may hold much.
    pub(crate) fn looks_through(&self, at: Timestamp, every: Duration) -> bool {
        let last = *self.looked_through.lock().unwrap_or_else(PoisonError::into_inner);
        self.bucket().is_some() || last.is_none_or(|last| u128::from(at.0.abs_diff(last.0)) >= every.as_millis())
    }

    /// It was looked through.
    pub(crate) fn looked_through(&self, at: Timestamp) {
        *self.looked_through.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// Moves a whole file that lies in the folder still into the bucket, unless somebody has it.
    ///
    /// # Errors
    /// The system's, or the bucket's.
    pub async fn move_out(self: &Arc<Self>, file: FileId) -> Result<(), Fail> {
        let (Some(bucket), Some(_busy)) = (self.bucket(), self.claim(file)) else { return Ok(()) };
        for part in [Part::Body, Part::Thumbnail] {
            let path = self.place(file, part);
            match blocking(move || File::open(path)).await {
                Ok(whole) => bucket.put(&part.name(file), whole).await?,
                Err(Fail::File(why)) if why.kind() == io::ErrorKind::NotFound => {}
                Err(why) => return Err(why),
            }
        }
        self.kept(file).await;
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Fail> {
    Ok(tokio::task::spawn_blocking(job).await.map_err(|_| Fail::Broken("a file operation ended early"))??)
}
