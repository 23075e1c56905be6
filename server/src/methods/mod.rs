//! One handler for each method, and the table that finds it by its name.

mod account;
mod audit;
mod channels;
mod devices;
mod drafts;
mod files;
mod groups;
mod messages;
mod moderation;
mod people;
mod polls;
mod proof;
mod reading;
mod roles;
mod saved;
mod settings;

use crate::error::Fail;
use crate::gate::Caller;
use crate::state::Workspace;
use std::future::Future;
use std::sync::Arc;
use std::time::Instant;
use thechatapp_protocol::methods::account::{Enrol, SignIn};
use thechatapp_protocol::methods::sync::StartSync;
use thechatapp_protocol::{Code, ErrorBody, Method, for_each_method, wire};

pub use account::{Browser, Newcomer, enrol, sign_in_browser};

/// A method's handler.
pub trait Handle: Method + Sized {
    /// Answers a call.
    fn handle(
        workspace: Arc<Workspace>,
        caller: Caller,
        params: Self::Params,
    ) -> impl Future<Output = Result<Self::Reply, Fail>> + Send;
}

/// How a call and its answer are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// In sessions of native clients.
    MessagePack,
    /// In requests of browsers.
    Json,
}

/// Reads a call's parameters.
///
/// # Errors
/// Bad input.
pub fn params<M: Method>(encoding: Encoding, bytes: &[u8]) -> Result<M::Params, ErrorBody> {
    let read = match encoding {
        // Not with the reason: it quotes what was sent.
        Encoding::MessagePack => wire::decode(bytes).map_err(|_| "not MessagePack of it".to_owned()),
        Encoding::Json => serde_json::from_slice(bytes).map_err(|why| format!("{:?}", why.classify())),
    };
    read.map_err(|why| {
        tracing::debug!(method = M::NAME, %why, "parameters that do not decode");
        ErrorBody::new(
            Code::BadInput,
            "A call that cannot be read",
            "its parameters are not this method's",
            "update the app",
        )
    })
}

/// Encodes a reply.
///
/// # Errors
/// Internal, which cannot happen for the types in use.
pub fn reply<T: serde::Serialize>(encoding: Encoding, value: &T) -> Result<Vec<u8>, ErrorBody> {
    let written = match encoding {
        Encoding::MessagePack => wire::encode(value).ok(),
        Encoding::Json => serde_json::to_vec(value).ok(),
    };
    written.ok_or_else(|| Fail::Broken("a reply that does not encode").into_body())
}

async fn call<M: Handle>(
    workspace: Arc<Workspace>,
    caller: Caller,
    encoding: Encoding,
    bytes: &[u8],
) -> Result<Vec<u8>, ErrorBody> {
    let params = params::<M>(encoding, bytes)?;
    let answer = M::handle(workspace, caller, params).await.map_err(Fail::into_body)?;
    reply(encoding, &answer)
}

/// Enrolment, a browser's sign-in and the start of a sync are the session's own affairs: they change what the session is.
macro_rules! session_only {
    ($($method:ty),*) => {$(
        impl Handle for $method {
            async fn handle(_: Arc<Workspace>, _: Caller, _: Self::Params) -> Result<Self::Reply, Fail> {
                Err(Fail::denied("this session cannot do it now"))
            }
        }
    )*};
}
session_only!(Enrol, SignIn, StartSync);

/// What is answered to a method that is not there.
pub fn unknown() -> ErrorBody {
    ErrorBody::new(
        Code::NotFound,
        "This server does not know what was asked",
        "the app is newer than the server",
        "ask for an update of the server",
    )
}

macro_rules! table {
    ($($method:ty,)*) => {
        /// Answers a call by the method's name.
        ///
        /// # Errors
        /// What goes back to the caller.
        pub async fn dispatch(
            workspace: Arc<Workspace>,
            caller: Caller,
            method: &str,
            encoding: Encoding,
            bytes: &[u8],
        ) -> Result<Vec<u8>, ErrorBody> {
            let (figures, begun) = (workspace.figures.clone(), Instant::now());
            let answer = match method {
                $(<$method>::NAME => call::<$method>(workspace, caller, encoding, bytes).await,)*
                _ => Err(unknown()),
            };
            figures.called(method, &answer, begun.elapsed());
            answer
        }
    };
}

macro_rules! methods {
    ($($crate_path:path,)*) => { table!($($crate_path,)*); };
}
for_each_method!(methods);
