//! The half outside the network: takes the password from Secrets Manager to the half inside, and
//! its answer back; touches no database.

use anyhow::Context;
use invoke::{Function, when_allowed};
use store::Account;

use crate::{Event, Migrated};

/// Where the password is, and who logs in with it.
#[derive(Debug)]
pub struct Outside {
    secrets: aws_sdk_secretsmanager::Client,
    /// The ARN of the secret that RDS made for the owner of the database.
    secret: String,
    inside: Function,
}

impl Outside {
    /// With the credentials and the region that the environment names; `function` is the name of
    /// the one inside.
    pub async fn from_env(secret: String, function: String) -> Outside {
        let config = invoke::config_from_env().await;
        let secrets = aws_sdk_secretsmanager::Client::new(&config);
        Outside { secrets, secret, inside: Function::new(&config, function) }
    }

    pub(crate) async fn migrate(&self) -> anyhow::Result<Migrated> {
        let account = self.owner().await.with_context(|| format!("secret {}", self.secret))?;
        self.inside.call(&Event { account: Some(account) }).await
    }

    async fn owner(&self) -> anyhow::Result<Account> {
        let get = async || self.secrets.get_secret_value().secret_id(&self.secret).send().await;
        let secret = when_allowed(get).await;
        let secret = secret.map_err(|error| anyhow::anyhow!(aws::said(&error)))?;
        let text = secret.secret_string().context("it has no text")?;
        // What serde says of a wrong text may quote it.
        let account = serde_json::from_str(text).ok();
        account.context("it is not {\"username\": ..., \"password\": ...}, as RDS writes it")
    }
}
