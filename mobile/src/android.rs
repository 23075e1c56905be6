//! What an Android app says before it opens anything: where it runs. The system's verifier of certificates is asked by that; without it,
//! no certificate counts that the server's identity does not list.

use jni::errors::{Error, ThrowRuntimeExAndDefault};
use jni::objects::{JClass, JObject};
use jni::{Env, EnvUnowned};

/// `external fun begin(context: Context)` of the app's object `app.thechat.Android`.
#[unsafe(no_mangle)]
pub extern "system" fn Java_app_thechat_Android_begin<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    context: JObject<'local>,
) {
    env.with_env(|env: &mut Env<'local>| -> Result<(), Error> {
        rustls_platform_verifier::android::init_with_env(env, context)
    })
    .resolve::<ThrowRuntimeExAndDefault>();
}
