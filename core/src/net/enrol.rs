//! Enrolment: a connection of its own, whose session can do nothing else.

use super::connect::{Failure, Target, connect};
use super::session;
use super::{LinkConfig, fetch_identity, verify};
use crate::error::{Error, Result};
use crate::trust::{Known, Next};
use ed25519_dalek::{Signer, SigningKey};
use thechatapp_protocol::methods::account::{Credential, DeviceProof, ENROL_LABEL, Enrol, EnrolParams, Me};
use tokio::sync::mpsc;

/// What enrolment gave.
#[derive(Clone, Debug)]
pub struct Enrolled {
    /// Who one is.
    pub me: Me,
    /// The identity, which may have moved on by an announced step.
    pub known: Known,
}

/// Enrols the device of `config`. `signing` is the device's Ed25519 key.
///
/// # Errors
/// [`Error::Refused`] with the server's reason, [`Error::PinMismatch`], [`Error::Offline`].
pub async fn enrol(
    config: &LinkConfig,
    signing: &SigningKey,
    credential: Credential,
    device_name: &str,
    device_platform: &str,
) -> Result<Enrolled> {
    let (known, socket, transport) = reach(config).await?;
    let covered = [ENROL_LABEL, transport.handshake_hash(), &config.device.public()].concat();
    let device = DeviceProof {
        name: device_name.to_owned(),
        platform: device_platform.to_owned(),
        signing_key: signing.verifying_key().to_bytes().to_vec(),
        signature: signing.sign(&covered).to_bytes().to_vec(),
    };
    let (session, running) = session::begin(Box::new(socket), transport);
    let (events, _unheard) = mpsc::channel(1);
    let params = EnrolParams { credential, device };
    // Once answered, nobody asks any more, and the session closes by itself.
    let ask = async move { session.call::<Enrol>(&params).await };
    let (answered, _end) = tokio::join!(ask, running(events).run());
    Ok(Enrolled { me: answered?, known })
}

/// Connects; when keys were rotated meanwhile, once more with the new document.
async fn reach(
    config: &LinkConfig,
) -> Result<(Known, super::connect::Socket, thechatapp_protocol::session::Transport)> {
    let mut known = config.known.clone();
    for last in [false, true] {
        let tls = verify::strict(&known.verified.document().tls_keys, &config.extra_roots)?;
        let target = Target {
            url: &config.url,
            workspace: &config.workspace,
            device: &config.device,
            known: &known,
            tls: &tls,
            now: config.clock.now(),
            router: &config.router,
        };
        match connect(&target).await {
            Ok((socket, transport)) => return Ok((known, socket, transport)),
            Err(Failure::Offline(why)) => return Err(Error::Offline { why }),
            Err(Failure::Way(why)) => return Err(Error::Offline { why: why.to_string() }),
            Err(Failure::Closed(body)) => return Err(Error::Refused(body)),
            Err(Failure::Identity(why)) if last => return Err(Error::Offline { why }),
            Err(Failure::Identity(why)) => {
                let fetched = fetch_identity(&config.router, &config.url, Some(&config.workspace), None).await?;
                match known.next(fetched, config.clock.now())? {
                    Next::Advanced { known: next, .. } => known = next,
                    Next::Same => return Err(Error::Offline { why }),
                }
            }
        }
    }
    Err(Error::Offline { why: "the server's identity changes too fast".into() })
}
