//! First contact, joining, signing in and out.

use super::Client;
use crate::error::{Error, Result};
use crate::fault;
use crate::local::Account;
use crate::net::{self, LinkConfig};
use crate::profile::PinCopy;
use crate::sync::Workspace;
use crate::trust::{Known, Source, first_contact};
use crate::view::{ContactView, PersonView, UpdateView, WorkspaceView};
use ed25519_dalek::SigningKey;
use std::sync::Arc;
use std::time::Duration;
use thechatapp_protocol::WorkspaceId;
use thechatapp_protocol::identity::{Address, IdentityError, Invite, Pin, Unverified};
use thechatapp_protocol::methods::account::{Credential, Nothing};
use thechatapp_protocol::methods::devices::SignOut;
use thechatapp_protocol::session::StaticKey;
use zeroize::Zeroizing;

/// How long signing out waits for a server before it goes on without it.
const SIGN_OUT_WAIT: Duration = Duration::from_secs(8);

/// How one signs in to an account that exists.
pub struct SignIn {
    /// The account's name.
    pub name: String,
    /// Its password; with `reset` the one that is to be.
    pub password: Zeroizing<String>,
    /// The code of its second factor, or a recovery code.
    pub code: Option<String>,
    /// A code that an administrator gave.
    pub reset: Option<String>,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignIn(..)")
    }
}

/// Where to go, and who vouched for what is there.
struct Destination {
    url: String,
    workspace: Option<String>,
    invite: Option<Invite>,
}

impl Destination {
    fn parse(text: &str, workspace: Option<&str>) -> Result<Self> {
        let text = text.trim();
        if text.contains('#') {
            let invite: Invite = text.parse()?;
            return Ok(Self {
                url: invite.base.clone(),
                workspace: Some(invite.workspace.clone()),
                invite: Some(invite),
            });
        }
        let address: Address = text.parse()?;
        Ok(Self { url: address.base, workspace: workspace.map(str::to_owned).or(address.workspace), invite: None })
    }

    async fn fetch(&self, router: &net::Router) -> Result<Unverified> {
        net::fetch_identity(router, &self.url, self.workspace.as_deref(), None).await
    }
}

impl Client {
    /// Looks at a server, by address or invite, without trusting it. `vouched` says that the invite, or an earlier
    /// profile on this device, knows this very identity.
    ///
    /// # Errors
    /// [`Error::PinMismatch`] when the invite or an earlier profile knows another; [`Error::Offline`].
    pub async fn contact(&self, address_or_invite: &str, workspace: Option<&str>) -> Result<ContactView> {
        let to = Destination::parse(address_or_invite, workspace)?;
        let candidate = to.fetch(&self.0.shared.router).await?.verify_self(self.now().unix_seconds())?;
        let (document, pin) = (candidate.document(), candidate.pin());
        let id = WorkspaceId::from_bytes(document.workspace_id);
        let copy = self.0.shared.profile.pin_copy(id, &to.url, &document.workspace);
        let mut vouched = false;
        for known in copy.iter().chain(to.invite.iter().map(|invite| &invite.pin)) {
            if *known != pin {
                return Err(IdentityError::PinMismatch { known: *known, shown: pin }.into());
            }
            vouched = true;
        }
        Ok(ContactView {
            url: to.url,
            workspace: document.workspace.clone(),
            name: document.name.clone(),
            pin: pin.to_string(),
            words: pin.words(),
            qr: super::identity::qr(&pin)?,
            vouched,
            invited: to.invite.is_some(),
        })
    }

    /// Makes an account by an invite, and enrols this device.
    ///
    /// # Errors
    /// [`Error::PinMismatch`] when the server, the invite and `trust_pin` do not agree; [`Error::Refused`] by the server.
    pub async fn join(
        &self,
        invite: &str,
        name: &str,
        password: &str,
        trust_pin: Option<&str>,
    ) -> Result<WorkspaceView> {
        let to = Destination::parse(invite, None)?;
        let Some(invite) = to.invite.clone() else {
            return Err(Error::bad_input("this is not an invite", "the part after # is missing; was it cut off?"));
        };
        let credential = Credential::Invite { code: invite.code, name: name.to_owned(), password: password.to_owned() };
        self.enrol(to, credential, trust_pin).await
    }

    /// Enrols this device for an account that exists.
    ///
    /// # Errors
    /// [`Error::NotTrusted`] when nobody vouched for the server; else as for [`Self::join`].
    pub async fn login(
        &self,
        address_or_invite: &str,
        workspace: Option<&str>,
        name: &str,
        password: &str,
        trust_pin: Option<&str>,
    ) -> Result<WorkspaceView> {
        let (name, password) = (name.to_owned(), Zeroizing::new(password.to_owned()));
        let sign_in = SignIn { name, password, code: None, reset: None };
        self.sign_in(address_or_invite, workspace, sign_in, trust_pin).await
    }

    /// Enrols this device for an account that exists, which may have a second factor, or a code for a new password.
    ///
    /// # Errors
    /// As [`Self::login`]; refused as [`second_factor`](thechatapp_protocol::Code::SecondFactor) when the code is wanted.
    pub async fn sign_in(
        &self,
        address_or_invite: &str,
        workspace: Option<&str>,
        sign_in: SignIn,
        trust_pin: Option<&str>,
    ) -> Result<WorkspaceView> {
        let to = Destination::parse(address_or_invite, workspace)?;
        let SignIn { name, password, code, reset } = sign_in;
        let password = password.to_string();
        let credential = match reset {
            Some(reset) => Credential::Reset { name, reset, password, code },
            None => Credential::Password { name, password, code },
        };
        self.enrol(to, credential, trust_pin).await
    }

    async fn enrol(&self, to: Destination, credential: Credential, trust_pin: Option<&str>) -> Result<WorkspaceView> {
        let typed = trust_pin.map(str::parse::<Pin>).transpose()?;
        let invited = to.invite.as_ref().map(|invite| invite.pin);
        if let (Some(typed), Some(invited)) = (typed, invited)
            && typed != invited
        {
            return Err(IdentityError::PinMismatch { known: typed, shown: invited }.into());
        }
        let known = self.first_contact(&to, typed, invited).await?;
        let document = known.verified.document();
        let id = WorkspaceId::from_bytes(document.workspace_id);
        let slot = self.slot(id, &credential).await?;
        // Whatever could fail here fails before the server has heard of this device.
        let device_key = StaticKey::random().map_err(fault::internal)?;
        let signing_key = random_signing_key()?;
        let platform = &self.0.shared.platform;
        let config = LinkConfig {
            url: to.url.clone(),
            workspace: document.workspace.clone(),
            workspace_id: id,
            device: device_key.clone(),
            known,
            clock: Arc::clone(&platform.clock),
            extra_roots: platform.extra_roots.clone(),
            router: self.0.shared.router.clone(),
            #[cfg(test)]
            in_place: None,
        };
        let enrolled =
            net::enrol(&config, &signing_key, credential, &platform.device_name, &platform.device_platform).await?;
        // Whoever it turned out to be may have been here under another name.
        let here = self.accounts_of(id);
        let same = here.iter().find(|here| here.person == enrolled.me.person.id).map(|here| here.workspace);
        // And a name may have gone over to somebody else, whose place this is not.
        let other = here.iter().any(|here| here.workspace == slot);
        let account = Account {
            workspace: match same {
                Some(same) => same,
                None if other => random_slot()?,
                None => slot,
            },
            url: to.url,
            short: config.workspace,
            name: enrolled.me.workspace_name,
            person: enrolled.me.person.id,
            person_name: enrolled.me.person.name,
            device: enrolled.me.device,
            device_key,
            signing_key,
            known: enrolled.known,
            shown: None,
            added: self.now(),
        };
        self.0.shared.local.put_account(&account).await?;
        let copy = PinCopy { url: account.url.clone(), workspace: account.short.clone(), pin: account.known.pin() };
        let profile = Arc::clone(&self.0.shared.profile);
        tokio::task::spawn_blocking(move || profile.store_pin_copy(id, copy)).await.map_err(fault::internal)??;
        self.0.shared.local.keep_good().await?;
        self.remove(account.workspace).await?;
        let workspace = self.add(account).await?;
        self.view(&workspace).await
    }

    async fn first_contact(&self, to: &Destination, typed: Option<Pin>, invited: Option<Pin>) -> Result<Known> {
        let fetched = to.fetch(&self.0.shared.router).await?;
        let now = self.now();
        let candidate = fetched.clone().verify_self(now.unix_seconds())?;
        let document = candidate.document();
        let id = WorkspaceId::from_bytes(document.workspace_id);
        // An account that is still here knows more than a copy of its pin: documents only move forward.
        if let Some(Account { known, .. }) = self.accounts_of(id).pop() {
            return match known.next(fetched, now) {
                Ok(crate::trust::Next::Same) => Ok(known),
                Ok(crate::trust::Next::Advanced { known, .. }) => Ok(known),
                Err(crate::trust::Stop::Unannounced(shown)) => {
                    Err(IdentityError::PinMismatch { known: known.pin(), shown: shown.pin() }.into())
                }
                Err(stop) => Err(stop.into()),
            };
        }
        let copy = self.0.shared.profile.pin_copy(id, &to.url, &document.workspace);
        let vouched = match (&invited, &typed) {
            (Some(pin), _) => Some((pin, Source::Invite)),
            (None, Some(pin)) => Some((pin, Source::Compared)),
            (None, None) => None,
        };
        first_contact(fetched, vouched, copy.as_ref(), now)
    }

    /// Where an account of a workspace goes on this device: in the place of the one it is, else in one of its own.
    async fn slot(&self, id: WorkspaceId, credential: &Credential) -> Result<WorkspaceId> {
        let here = self.accounts_of(id);
        for account in &here {
            let name = self.workspace(account.workspace)?.cache.person(account.person).await?.name;
            match credential {
                Credential::Password { name: given, .. } | Credential::Reset { name: given, .. }
                    if given.trim().to_lowercase() == name.to_lowercase() =>
                {
                    return Ok(account.workspace);
                }
                _ => {}
            }
        }
        // An only account goes by its workspace's id, as it always did.
        if here.is_empty() && self.workspace(id).is_err() {
            return Ok(id);
        }
        random_slot()
    }

    /// The accounts of a workspace, by the id that its server gives it.
    fn accounts_of(&self, id: WorkspaceId) -> Vec<Account> {
        self.all().iter().map(|workspace| workspace.account()).filter(|account| account.of_server() == id).collect()
    }

    /// The workspaces of this profile, in the order they were added.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn workspaces(&self) -> Result<Vec<WorkspaceView>> {
        let mut all = self.all();
        all.sort_by_key(|workspace| (workspace.account().added, workspace.id));
        let mut views = Vec::with_capacity(all.len());
        for workspace in all {
            views.push(self.view(&workspace).await?);
        }
        Ok(views)
    }

    /// A workspace by its short name or id; without a name the only one.
    ///
    /// # Errors
    /// [`Error::BadInput`] when there is none, or more than one.
    pub async fn resolve_workspace(&self, name: Option<&str>) -> Result<WorkspaceView> {
        let mut found: Vec<WorkspaceView> = self.workspaces().await?;
        let Some(name) = name else {
            return match (found.pop(), found.is_empty()) {
                (Some(only), true) => Ok(only),
                (None, _) => {
                    Err(Error::bad_input("there is no workspace yet", "this profile is not signed in anywhere"))
                }
                _ => Err(Error::bad_input("say which workspace", "this profile is signed in to more than one")),
            };
        };
        let is_it = |view: &WorkspaceView| {
            // Of several accounts in one workspace each is named by its person, too.
            let whose = name.strip_prefix(&view.workspace).and_then(|rest| rest.strip_prefix('/'));
            view.workspace == name || view.id.to_string() == name || whose.is_some_and(|whose| whose == view.me.name)
        };
        found.retain(is_it);
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            // One that was wiped a moment ago says so.
            (None, _) => Err(match name.parse() {
                Ok(id) => self.0.shared.wipes.why_not(id),
                Err(_) => Error::bad_input("there is no such workspace here", format!("not signed in to {name}")),
            }),
            _ => Err(Error::bad_input(
                "say which workspace",
                format!("more than one is called {name}; give {name}/ and the person, or its id"),
            )),
        }
    }

    /// Revokes this device on the server, when it can be reached, and removes all of the account from this device.
    ///
    /// # Errors
    /// When it could not be removed here.
    pub async fn sign_out(&self, ws: WorkspaceId) -> Result<()> {
        let workspace = self.workspace(ws)?;
        self.revoke_this(&workspace).await;
        drop(workspace);
        self.forget(ws).await
    }

    /// Tells the server that this device is none any more, when it can be reached.
    pub(super) async fn revoke_this(&self, workspace: &Workspace) {
        let revoke = async {
            self.connect(workspace.id, SIGN_OUT_WAIT).await?;
            workspace.session()?.call::<SignOut>(&Nothing {}).await
        };
        if let Ok(Err(why)) = tokio::time::timeout(SIGN_OUT_WAIT, revoke).await {
            tracing::info!(%why, "signed out without the server");
        }
    }

    pub(super) async fn view(&self, workspace: &Workspace) -> Result<WorkspaceView> {
        let account = workspace.account();
        let seen = async { Ok((workspace.cache.person(account.person).await?, workspace.cache.unread().await?)) };
        let (me, unread) = match seen.await {
            Ok(seen) => seen,
            // It stays in the list while another file takes its place, and where none can.
            Err(why) if matches!(why, Error::Corrupt { .. }) || workspace.cache.is_damaged() => {
                (PersonView::named(account.person, account.person_name.clone()), 0)
            }
            Err(other) => return Err(other),
        };
        let rebuilding = match workspace.cache.has_damage() {
            true => Some(workspace.cache.lacking().await.unwrap_or_default().iter().map(|(_, a, b)| b - a + 1).sum()),
            false => None,
        };
        Ok(WorkspaceView {
            id: account.workspace,
            workspace: account.short,
            name: account.known.verified.document().name.clone(),
            url: account.url,
            me,
            device: account.device,
            connection: workspace.connection(),
            unread,
            waiting: workspace.waiting_count().await?,
            // A damaged cache does not say.
            update: workspace.cache.updates().await.ok().flatten().map(UpdateView::from),
            rebuilding,
        })
    }

    pub(super) fn now(&self) -> thechatapp_protocol::Timestamp {
        self.0.shared.platform.clock.now()
    }
}

/// A name on this device for one account more.
fn random_slot() -> Result<WorkspaceId> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(fault::internal)?;
    Ok(WorkspaceId::from_bytes(random))
}

fn random_signing_key() -> Result<Arc<SigningKey>> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(fault::internal)?;
    Ok(Arc::new(SigningKey::from_bytes(&bytes)))
}

#[cfg(test)]
mod tests;
