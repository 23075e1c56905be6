//! Forwarding to a syslog receiver over TLS (RFC 5425): in order, and at least once.
//!
//! Syslog has no acknowledgement. So each batch has a connection of its own, which ends in order: our side says that it is at its
//! end, and the receiver, having read up to there, says in TLS that it is at its own (`close_notify`). Until then the batch does not
//! count as sent, and it is sent again. A receiver that just closes looks like one that was killed; whether that counts is configured.

use super::lines::{self, Place};
use crate::config::AuditSection;
use crate::error::{Error, Fail, Result};
use crate::state::Workspace;
use crate::store::audit::{self, tree};
use crate::tenants::Host;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::fmt::{self, Display};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::methods::audit::AuditFilter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

/// How far entries and checkpoints have come, in the workspace's database.
const ENTRIES: &str = "syslog";
const CHECKPOINTS: &str = "syslog checkpoints";
/// Messages of one connection.
const BATCH: u32 = 500;
/// The port of syslog over TLS.
const PORT: u16 = 6514;

/// How often it is looked for new entries, and how patient it is with a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two looks when all is sent.
    pub look: Duration,
    /// After a failure; doubled with each further one.
    pub first_wait: Duration,
    /// Most of that.
    pub longest_wait: Duration,
    /// How long connecting, sending and the end of a connection may take.
    pub patience: Duration,
}

impl Pace {
    /// In the product.
    pub const PRODUCT: Self = Self {
        look: Duration::from_secs(1),
        first_wait: Duration::from_secs(1),
        longest_wait: Duration::from_secs(5 * 60),
        patience: Duration::from_secs(20),
    };
}

impl Default for Pace {
    fn default() -> Self {
        Self::PRODUCT
    }
}

/// Who receives.
#[derive(Clone)]
pub(super) struct Receiver {
    /// `host:port`, as one connects to it.
    address: String,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
    host: String,
    pace: Pace,
    /// Whether a connection that just ends counts as taken.
    plain_close: bool,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Receiver {
    pub(super) fn new(address: &str, section: &AuditSection, host: &str) -> Result<Self> {
        let bad = |why: String| {
            Error::bad_input(
                "The syslog receiver cannot be used",
                why,
                "write it as audit.syslog = \"tls://logs.example.org:6514\"; audit.syslog_ca is a PEM file",
            )
        };
        let url = url::Url::parse(address).map_err(|why| bad(why.to_string()))?;
        if url.scheme() != "tls" || !matches!(url.path(), "" | "/") {
            return Err(bad(format!("{address} is no tls://host:port")));
        }
        let name = url.host_str().ok_or_else(|| bad(format!("{address} names no host")))?.trim_matches(['[', ']']);
        let server = ServerName::try_from(name.to_owned()).map_err(|why| bad(why.to_string()))?;
        let port = url.port().unwrap_or(PORT);
        let to = if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") };
        let tls = tls(section.syslog_ca.as_deref()).map_err(bad)?;
        Ok(Self {
            address: to,
            name: server,
            tls: Arc::new(tls),
            host: host.to_owned(),
            pace: section.pace,
            plain_close: section.syslog_plain_close,
        })
    }

    pub(super) async fn run(self, host: Arc<Host>, stop: CancellationToken) {
        let mut failures = 0;
        loop {
            let done = tokio::select! {
                done = self.round(&host) => done,
                // What was not taken is sent after the next start.
                () = stop.cancelled() => return,
            };
            let wait = match done {
                Ok(true) => Duration::ZERO,
                Ok(false) => {
                    failures = 0;
                    self.pace.look
                }
                Err(why) => {
                    tracing::error!(receiver = self.address, %why, "the audit log does not reach its syslog receiver");
                    failures += 1;
                    let wait = self.pace.first_wait.saturating_mul(1 << (failures - 1_u32).min(16));
                    wait.min(self.pace.longest_wait)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// Sends what is new in each workspace. Answers whether there may be more. One whose entries cannot be read does not stop those after
    /// it; what cannot be sent does, for it goes the same way.
    async fn round(&self, host: &Host) -> std::result::Result<bool, String> {
        let (mut more, mut unread) = (false, Ok(()));
        for workspace in host.workspaces().into_iter().filter(|workspace| workspace.is_open()) {
            let named = |why: &dyn Display| format!("{}: {why}", workspace.name);
            let batch = match Batch::next(&self.host, &workspace).await {
                Ok(batch) if batch.messages.is_empty() => continue,
                Ok(batch) => batch,
                Err(why) => {
                    unread = unread.and(Err(named(&why)));
                    continue;
                }
            };
            let sent = tokio::time::timeout(self.pace.patience, self.send(&batch.messages));
            sent.await.map_err(|_| named(&"it takes too long"))?.map_err(|why| named(&why))?;
            more |= batch.whole;
            batch.told(&workspace).await.map_err(|why| named(&why))?;
        }
        unread.map(|()| more)
    }

    /// Sends, and returns once the receiver has taken all of it.
    async fn send(&self, messages: &str) -> std::io::Result<()> {
        let stream = TcpStream::connect(&self.address).await?;
        let mut stream = TlsConnector::from(self.tls.clone()).connect(self.name.clone(), stream).await?;
        stream.write_all(messages.as_bytes()).await?;
        // This says that nothing more comes, and leaves their side open.
        stream.shutdown().await?;
        let mut ignored = [0; 1024];
        loop {
            match stream.read(&mut ignored).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(why) if why.kind() == ErrorKind::UnexpectedEof && self.plain_close => return Ok(()),
                Err(why) if why.kind() == ErrorKind::UnexpectedEof => {
                    return Err(std::io::Error::other(
                        "it closed without saying in TLS that it had read everything; if it always does, set audit.syslog_plain_close",
                    ));
                }
                Err(why) => return Err(why),
            }
        }
    }
}

fn tls(ca: Option<&Path>) -> std::result::Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|why| why.to_string())?;
    let Some(path) = ca else {
        let verifier = rustls_platform_verifier::Verifier::new(provider).map_err(|why| why.to_string())?;
        return Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth());
    };
    let cannot = |why: &dyn Display| format!("{}: {why}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|why| cannot(&why))? {
        roots.add(certificate.map_err(|why| cannot(&why))?).map_err(|why| cannot(&why))?;
    }
    if roots.is_empty() {
        return Err(cannot(&"it has no certificate"));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// What is sent at once, and where it ends.
struct Batch {
    messages: String,
    entries: u64,
    checkpoints: u64,
    /// Whether there may be more.
    whole: bool,
}

impl Batch {
    async fn next(host: &str, workspace: &Arc<Workspace>) -> std::result::Result<Self, Fail> {
        let (host, name) = (host.to_owned(), workspace.name.clone());
        workspace
            .look(move |view| {
                let place = Place { host: &host, workspace: &name };
                let (mut entries, mut checkpoints) =
                    (tree::cursor(view.db, ENTRIES)?, tree::cursor(view.db, CHECKPOINTS)?);
                let mut messages = String::new();
                let (new, signed) = (
                    audit::oldest(view, &AuditFilter::default(), entries, BATCH)?,
                    tree::checkpoints_after(view, checkpoints, BATCH)?,
                );
                let whole = new.len().max(signed.len()) >= BATCH as usize;
                for entry in new {
                    messages.push_str(&lines::entry(place, &entry));
                    entries = entry.seq + 1;
                }
                for (number, note) in signed {
                    messages.extend(lines::checkpoint(place, &note));
                    checkpoints = number;
                }
                Ok(Self { messages, entries, checkpoints, whole })
            })
            .await
    }

    /// Remembers that it was sent.
    async fn told(self, workspace: &Arc<Workspace>) -> std::result::Result<(), Fail> {
        workspace
            .unguarded(move |tx| {
                tree::move_cursor(tx, ENTRIES, self.entries)?;
                tree::move_cursor(tx, CHECKPOINTS, self.checkpoints)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receiver(address: &str) -> Result<Receiver> {
        Receiver::new(address, &AuditSection::default(), "chat")
    }

    #[test]
    fn a_receiver_is_named_by_host_and_port() {
        assert_eq!(receiver("tls://logs.example.org:7000").unwrap().address, "logs.example.org:7000");
        assert_eq!(receiver("tls://logs.example.org").unwrap().address, "logs.example.org:6514");
        assert_eq!(receiver("tls://[::1]:7000").unwrap().address, "[::1]:7000");
        for bad in ["logs.example.org:7000", "tcp://logs.example.org:1", "tls://", "tls://a/b", ""] {
            assert!(receiver(bad).is_err(), "{bad}");
        }
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("ca.pem");
        std::fs::write(&empty, "").unwrap();
        let section = AuditSection { syslog_ca: Some(empty), ..AuditSection::default() };
        assert!(Receiver::new("tls://a:1", &section, "chat").is_err());
    }
}
