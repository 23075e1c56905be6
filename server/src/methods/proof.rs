//! A fresh sign-in, one's password, one's second factor.

use super::Handle;
use crate::auth::{self, Claim, Proof, Secret, With, totp};
use crate::error::Fail;
use crate::gate::{Caller, Permit};
use crate::state::Workspace;
use crate::store::audit::{self, Act, By};
use crate::store::factors::{self, Shown};
use crate::store::lockouts::{self, Who};
use crate::store::{Tx, devices, known, people, resets, settings};
use crate::time::now;
use std::sync::Arc;
use thechatapp_protocol::audit::{Class, Target};
use thechatapp_protocol::methods::account::Nothing;
use thechatapp_protocol::methods::proof::{
    BeginTotp, ChangePassword, ChangePasswordParams, CodeParams, Confirm, ConfirmParams, Confirmed, EndTotp,
    FinishTotp, RecoveryCodes, TotpSecret,
};
use thechatapp_protocol::settings::FRESH_MINUTES;
use thechatapp_protocol::{Code, ErrorBody, Method, Scope};

/// Whoever calls proves anew who they are, on what they call from.
async fn again<M: Method>(
    workspace: &Arc<Workspace>,
    caller: Caller,
    secret: Secret,
    code: Option<String>,
) -> Result<(Proof, By), Fail> {
    let by = workspace.read::<M, _>(caller, Scope::Workspace, |_, permit| Ok(permit.by())).await?;
    let proof = Proof {
        claim: Claim::Own(caller.person),
        with: With::Device(caller.device),
        from: caller.from,
        secret,
        code,
        by,
    };
    Ok((proof, by))
}

impl Handle for Confirm {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ConfirmParams) -> Result<Confirmed, Fail> {
        let (proof, by) = again::<Self>(&workspace, caller, Secret::Password(params.password), params.code).await?;
        auth::prove(&workspace, proof, move |tx, _| {
            devices::confirmed(tx, caller.device, now())?;
            audit::record(tx, by, Act::new(Class::Access, "session.confirmed", Target::Device(caller.device)))?;
            Ok(Confirmed { fresh_seconds: settings::number(tx.view(), FRESH_MINUTES)? * 60 })
        })
        .await
    }
}

impl Handle for ChangePassword {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: ChangePasswordParams) -> Result<Nothing, Fail> {
        let ChangePasswordParams { old, new, code, sign_out_others } = params;
        let (proof, by) = again::<Self>(&workspace, caller, Secret::Change(old, new), code).await?;
        auth::prove(&workspace, proof, move |tx, person| {
            resets::remove(tx, person)?;
            devices::confirmed(tx, caller.device, now())?;
            let act = Act::new(Class::Account, "password.changed", Target::Person(person));
            if !sign_out_others {
                audit::record(tx, by, act)?;
                return Ok(Nothing {});
            }
            known::forget(tx, person)?;
            let count = devices::revoke_all(tx, person, Some(caller.device))?.len();
            audit::record(tx, by, act.after(format!("{count} signed out")))?;
            Ok(Nothing {})
        })
        .await
    }
}

impl Handle for BeginTotp {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, _: Nothing) -> Result<TotpSecret, Fail> {
        let secret = totp::make_secret()?;
        let title = workspace.title.clone();
        workspace
            .write::<Self, _>(caller, Scope::Workspace, move |tx, permit| {
                factors::begin(tx, permit.person(), &secret)?;
                let name = people::row(tx.view(), permit.person())?.name;
                let (secret, uri) = totp::shown(&secret, &title, &name)?;
                Ok(TotpSecret { secret, uri })
            })
            .await
    }
}

/// What a code did, decided after the commit in which a wrong one counts.
enum Done<T> {
    Right(T),
    Wrong,
}

impl<T> Done<T> {
    fn told(self) -> Result<T, Fail> {
        match self {
            Self::Right(done) => Ok(done),
            Self::Wrong => Err(ErrorBody::new(
                Code::Denied,
                "The code is wrong",
                "it is not the one that the authenticator shows now, or was used already",
                "wait for the next one; see whether the clock of its device is right",
            )
            .into()),
        }
    }
}

/// Runs what a code lets do. It counts as a wrong password on this device does.
fn by_code<M: Method, T>(
    tx: &mut Tx<'_>,
    permit: &Permit<M>,
    look: impl FnOnce(&Tx<'_>) -> Result<bool, Fail>,
    then: impl FnOnce(&mut Tx<'_>) -> Result<T, Fail>,
) -> Result<Done<T>, Fail> {
    let (person, device, at) = (permit.person(), permit.device(), now());
    let from = permit.by().place.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
    let who = Who::Known { person, what: device.as_bytes() };
    let attempt = lockouts::count(tx, &who, from, permit.by(), at)?;
    if !look(tx)? {
        return Ok(Done::Wrong);
    }
    // A code is no proof of the password: what was guessed before stays counted.
    lockouts::given_back(tx, &attempt, permit.by(), at)?;
    then(tx).map(Done::Right)
}

impl Handle for FinishTotp {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: CodeParams) -> Result<RecoveryCodes, Fail> {
        let codes = totp::make_recovery_codes()?;
        let done = workspace
            .write::<Self, _>(caller, Scope::Workspace, move |tx, permit| {
                let (person, by) = (permit.person(), permit.by());
                by_code(
                    tx,
                    &permit,
                    |tx| factors::confirm(tx, person, &params.code, now()),
                    |tx| {
                        factors::set_recovery(tx, person, &codes)?;
                        audit::record(tx, by, Act::new(Class::Account, "totp.begun", Target::Person(person)))?;
                        Ok(RecoveryCodes { codes })
                    },
                )
            })
            .await?;
        done.told()
    }
}

impl Handle for EndTotp {
    async fn handle(workspace: Arc<Workspace>, caller: Caller, params: CodeParams) -> Result<Nothing, Fail> {
        let done = workspace
            .write::<Self, _>(caller, Scope::Workspace, move |tx, permit| {
                let (person, by) = (permit.person(), permit.by());
                if !factors::is_on(tx.view(), person)? {
                    return Err(Fail::not_found("This account has no second factor"));
                }
                by_code(
                    tx,
                    &permit,
                    |tx| Ok(factors::show(tx, person, Some(&params.code), now())? == Shown::Right),
                    |tx| {
                        factors::remove(tx, person)?;
                        audit::record(tx, by, Act::new(Class::Account, "totp.ended", Target::Person(person)))?;
                        Ok(Nothing {})
                    },
                )
            })
            .await?;
        done.told()
    }
}
