//! Tokens, keys, and URLs that work as keys.

use std::fmt;

use routing::SecretRef;

use crate::aws::AwsCallError;

/// A text that no message and no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the request that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// Reads secrets.
#[expect(async_fn_in_trait, reason = "used within this workspace, on a current-thread runtime")]
pub trait Secrets {
    /// `ssm:GetParameter` with decryption, or `secretsmanager:GetSecretValue`: the text of a secret.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not a text. The message names where it is kept, and never what it is.
    async fn secret(&self, reference: &SecretRef) -> Result<Secret, AwsCallError>;
}

impl<X: Secrets> Secrets for &X {
    async fn secret(&self, reference: &SecretRef) -> Result<Secret, AwsCallError> {
        (**self).secret(reference).await
    }
}
