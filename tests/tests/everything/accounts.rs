//! What people do with their accounts, and administrators with those of others.

use super::Run;
use thechatapp_core::AccountId;
use thechatapp_protocol::methods::account::*;
use thechatapp_protocol::methods::devices::*;
use thechatapp_protocol::methods::people::*;
use thechatapp_protocol::methods::proof::*;
use thechatapp_tests::raw::RawClient;
use thechatapp_tests::wire;

const PASSWORD: &str = "correct horse battery";

impl Run {
    /// A second factor of somebody's: its secret and its recovery codes are looked for, too.
    async fn factor(&mut self, person: &mut RawClient) -> Vec<String> {
        let made = person.call::<BeginTotp>(&Nothing {}).await.unwrap();
        self.markers.text("a second factor", &made.secret);
        let secret = data_encoding::BASE32_NOPAD.decode(made.secret.as_bytes()).unwrap();
        self.markers.bytes("a second factor's bytes", &secret);
        let code = totp_rs::TOTP::from_url(&made.uri).unwrap().generate(wire::millis() / 1000 - 30);
        let codes = person.call::<FinishTotp>(&CodeParams { code }).await.unwrap().codes;
        for code in &codes {
            self.markers.text("a recovery code", code);
        }
        codes
    }

    /// Fay has an account, and alice, who owns the workspace, does what administrators can.
    pub async fn of_accounts(&mut self) {
        let (alice, ws) = self.alice.clone().unwrap();
        let name = self.markers.text("fay's name", "Fayvexku Qolumitonk");
        let invite = alice.invite(ws, Some(&name), "member", Vec::new()).await.unwrap();
        let (_, code) = invite.invite.rsplit_once('.').unwrap();
        self.markers.text("an invite by name", code);
        let mut fay = RawClient::join(&self.server, &invite.invite, &name).await;
        let person: AccountId = fay.call::<WhoAmI>(&Nothing {}).await.unwrap().person.id;
        assert_eq!(invite.person, Some(person));
        let new = self.markers.text("fay's new password", "VexkuNewPasswordQolumi");
        let confirm = |code: Option<String>, password: &str| ConfirmParams { password: password.to_owned(), code };
        fay.call::<Confirm>(&confirm(None, PASSWORD)).await.unwrap();
        let wrong = self.word("a wrong password");
        fay.call::<Confirm>(&confirm(None, &wrong)).await.unwrap_err();
        let change = ChangePasswordParams { old: PASSWORD.into(), new: new.clone(), code: None, sign_out_others: true };
        fay.call::<ChangePassword>(&change).await.unwrap();
        let codes = self.factor(&mut fay).await;
        fay.call::<Confirm>(&confirm(Some(codes[0].clone()), &new)).await.unwrap();
        fay.call::<EndTotp>(&CodeParams { code: codes[1].clone() }).await.unwrap();
        self.factor(&mut fay).await;
        fay.call::<OwnAccount>(&Nothing {}).await.unwrap();
        fay.call::<RevokeDevices>(&RevokeDevicesParams { except_this: true }).await.unwrap();

        alice.confirm(ws, PASSWORD, None).await.unwrap();
        assert!(alice.account(ws, Some(person)).await.unwrap().second_factor);
        alice.remove_totp(ws, person).await.unwrap();
        let reset = alice.issue_reset(ws, person).await.unwrap();
        self.markers.text("a reset", &reset.code);
        alice.unlock(ws, person).await.unwrap();
        alice.suspend(ws, person).await.unwrap();
        alice.reinstate(ws, person).await.unwrap();
        let devices = alice.devices_of(ws, person).await.unwrap();
        alice.revoke_device(ws, Some(person), devices[0].id, false).await.unwrap();
        alice.revoke_devices(ws, Some(person)).await.unwrap();

        // By the code, on another device; that one revokes itself.
        let reset_password = self.markers.text("a reset's password", "VexkuResetPasswordQolumi");
        let credential = Credential::Reset { name, reset: reset.code, password: reset_password, code: None };
        let mut fay = RawClient::enrol(&self.server, self.server.pin(), credential).await;
        let device = fay.call::<WhoAmI>(&Nothing {}).await.unwrap().device;
        fay.call::<RevokeDevice>(&RevokeDeviceParams { device, wipe: false }).await.unwrap();
        alice.delete_person(ws, person, Some(true)).await.unwrap();
        // Somebody who is nobody, by a name that looks like a password.
        let credential =
            Credential::Password { name: self.word("a password typed as a name"), password: wrong, code: None };
        assert!(RawClient::try_enrol(&self.server, self.server.pin(), credential).await.is_err());
    }
}
