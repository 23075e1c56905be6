//! One's own account and, for administrators, those of others. All of it wants a connection.

use super::Client;
use crate::error::{Error, Result};
use crate::view::{AccountView, DeviceView, InviteView, ResetView, TotpView};
use thechatapp_protocol::identity::Invite;
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::devices::{
    DevicesOf, RevokeDevice, RevokeDeviceOf, RevokeDeviceOfParams, RevokeDeviceParams, RevokeDevices, RevokeDevicesOf,
    RevokeDevicesParams,
};
use thechatapp_protocol::methods::people::{
    Content, DeletePerson, DeletePersonParams, GetAccount, InvitePerson, InvitePersonParams, IssueReset, OnePerson,
    OwnAccount, Reinstate, RemoveTotp, Suspend, Unlock,
};
use thechatapp_protocol::methods::proof::{
    BeginTotp, ChangePassword, ChangePasswordParams, CodeParams, Confirm, ConfirmParams, EndTotp, FinishTotp,
};
use thechatapp_protocol::permission::Rank;
use thechatapp_protocol::{AccountId, ChannelId, DeviceId, Method, WorkspaceId};

impl Client {
    async fn ask<M: Method>(&self, ws: WorkspaceId, params: &M::Params) -> Result<M::Reply> {
        self.workspace(ws)?.session()?.call::<M>(params).await
    }

    /// Proves anew who one is: what wants a fresh sign-in goes from then on, for as many seconds as the answer
    /// says.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn confirm(&self, ws: WorkspaceId, password: &str, code: Option<&str>) -> Result<u64> {
        let params = ConfirmParams { password: password.to_owned(), code: code.map(str::to_owned) };
        Ok(self.ask::<Confirm>(ws, &params).await?.fresh_seconds)
    }

    /// Changes one's password, and signs all other devices and browsers out when that is asked.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn change_password(
        &self,
        ws: WorkspaceId,
        old: &str,
        new: &str,
        code: Option<&str>,
        sign_out_others: bool,
    ) -> Result<()> {
        let (old, new, code) = (old.to_owned(), new.to_owned(), code.map(str::to_owned));
        let params = ChangePasswordParams { old, new, code, sign_out_others };
        self.ask::<ChangePassword>(ws, &params).await.map(|_| ())
    }

    /// A new secret for a second factor, which counts once a code of it was shown.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn begin_totp(&self, ws: WorkspaceId) -> Result<TotpView> {
        let made = self.ask::<BeginTotp>(ws, &Nothing {}).await?;
        Ok(TotpView { qr: super::identity::qr_of(&made.uri)?, secret: made.secret, uri: made.uri })
    }

    /// Shows a code of the new second factor. The answer is recovery codes, which nobody can show again.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn finish_totp(&self, ws: WorkspaceId, code: &str) -> Result<Vec<String>> {
        Ok(self.ask::<FinishTotp>(ws, &CodeParams { code: code.to_owned() }).await?.codes)
    }

    /// Ends one's second factor.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn end_totp(&self, ws: WorkspaceId, code: &str) -> Result<()> {
        self.ask::<EndTotp>(ws, &CodeParams { code: code.to_owned() }).await.map(|_| ())
    }

    /// One's own account, or somebody's.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn account(&self, ws: WorkspaceId, person: Option<AccountId>) -> Result<AccountView> {
        let mut account = match person {
            None => self.ask::<OwnAccount>(ws, &Nothing {}).await?,
            Some(person) => self.ask::<GetAccount>(ws, &OnePerson { person }).await?,
        };
        let within = self.workspace(ws)?.cache.within(std::mem::take(&mut account.within)).await?;
        Ok(AccountView::new(account, within))
    }

    /// The person of a name or an id, as this device knows them. Imported people come after those with an account.
    ///
    /// # Errors
    /// [`Error::BadInput`] when there is none.
    pub async fn resolve_person(&self, ws: WorkspaceId, name: &str) -> Result<AccountId> {
        let wanted = name.trim().trim_start_matches('@').to_lowercase();
        let mut people = self.people(ws).await?;
        people.sort_by_key(|person| person.imported);
        let found = people.iter().find(|one| one.name.to_lowercase() == wanted || one.id.to_string() == wanted);
        let none = || Error::bad_input("there is no such person", format!("nobody is called {name}"));
        found.map(|person| person.id).ok_or_else(none)
    }

    /// Invites one person: by name, or whoever comes. `rank` is owner, manager, member or guest.
    ///
    /// # Errors
    /// [`Error::BadInput`], [`Error::Offline`], [`Error::Refused`].
    pub async fn invite(
        &self,
        ws: WorkspaceId,
        name: Option<&str>,
        rank: &str,
        channels: Vec<ChannelId>,
    ) -> Result<InviteView> {
        let known = Rank::EACH.into_iter().find(|known| known.name() == rank);
        let rank = known.ok_or_else(|| {
            Error::bad_input("there is no such rank", format!("{rank} is none of owner, manager, member and guest"))
        })?;
        let params = InvitePersonParams { name: name.map(str::to_owned), rank, channels };
        let made = self.ask::<InvitePerson>(ws, &params).await?;
        let account = self.workspace(ws)?.account();
        let pin = account.known.pin();
        let invite = Invite { base: account.url, workspace: account.short, pin, code: made.code };
        Ok(InviteView { invite: invite.to_string(), expires: made.expires, person: made.person })
    }

    /// Closes somebody's account until it is reinstated.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn suspend(&self, ws: WorkspaceId, person: AccountId) -> Result<()> {
        self.ask::<Suspend>(ws, &OnePerson { person }).await.map(|_| ())
    }

    /// Opens a suspended account.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn reinstate(&self, ws: WorkspaceId, person: AccountId) -> Result<()> {
        self.ask::<Reinstate>(ws, &OnePerson { person }).await.map(|_| ())
    }

    /// Ends somebody's account; what they wrote stays under their name, or goes with it.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn delete_person(&self, ws: WorkspaceId, person: AccountId, remove_content: Option<bool>) -> Result<()> {
        let content = remove_content.map(|remove| if remove { Content::Remove } else { Content::Keep });
        self.ask::<DeletePerson>(ws, &DeletePersonParams { person, content }).await.map(|_| ())
    }

    /// A code by which somebody chooses a new password.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn issue_reset(&self, ws: WorkspaceId, person: AccountId) -> Result<ResetView> {
        let made = self.ask::<IssueReset>(ws, &OnePerson { person }).await?;
        Ok(ResetView { code: made.code, expires: made.expires })
    }

    /// Ends somebody's second factor.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn remove_totp(&self, ws: WorkspaceId, person: AccountId) -> Result<()> {
        self.ask::<RemoveTotp>(ws, &OnePerson { person }).await.map(|_| ())
    }

    /// Forgets failed attempts to sign in to somebody's account.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn unlock(&self, ws: WorkspaceId, person: AccountId) -> Result<()> {
        self.ask::<Unlock>(ws, &OnePerson { person }).await.map(|_| ())
    }

    /// Somebody's devices and browsers.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn devices_of(&self, ws: WorkspaceId, person: AccountId) -> Result<Vec<DeviceView>> {
        let reply = self.ask::<DevicesOf>(ws, &OnePerson { person }).await?;
        Ok(reply.devices.into_iter().map(DeviceView::from).collect())
    }

    /// Revokes a device, or ends a browser's session: one's own, or somebody's. With `wipe`, the device destroys what it keeps of
    /// the workspace at its next contact, also one that was revoked before.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn revoke_device(
        &self,
        ws: WorkspaceId,
        person: Option<AccountId>,
        device: DeviceId,
        wipe: bool,
    ) -> Result<u32> {
        let revoked = match person {
            None => self.ask::<RevokeDevice>(ws, &RevokeDeviceParams { device, wipe }).await?,
            Some(person) => self.ask::<RevokeDeviceOf>(ws, &RevokeDeviceOfParams { person, device, wipe }).await?,
        };
        Ok(revoked.count)
    }

    /// Revokes all of one's own but this one, or all of somebody's. Answers how many.
    ///
    /// # Errors
    /// [`Error::Offline`], [`Error::Refused`].
    pub async fn revoke_devices(&self, ws: WorkspaceId, person: Option<AccountId>) -> Result<u32> {
        let revoked = match person {
            None => self.ask::<RevokeDevices>(ws, &RevokeDevicesParams { except_this: true }).await?,
            Some(person) => self.ask::<RevokeDevicesOf>(ws, &OnePerson { person }).await?,
        };
        Ok(revoked.count)
    }
}
