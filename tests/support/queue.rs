//! A queue of SQS in moto, called as the event source mapping would; folds nothing.

use serde_json::{Value, json};

use crate::moto::{Moto, REGION};

pub struct Queue<'a> {
    moto: &'a Moto,
    pub url: String,
    pub arn: String,
}

impl<'a> Queue<'a> {
    pub async fn create(moto: &'a Moto, name: &str, attributes: Value) -> Queue<'a> {
        let create = json!({ "QueueName": name, "Attributes": attributes });
        let queue = moto.call("sqs", "AmazonSQS.CreateQueue", &create).await;
        let url = queue["QueueUrl"].as_str().expect("a URL").to_owned();
        Queue::at(moto, name, url)
    }

    /// One that is there already.
    pub async fn find(moto: &'a Moto, name: &str) -> Queue<'a> {
        let queue = moto.call("sqs", "AmazonSQS.GetQueueUrl", &json!({ "QueueName": name })).await;
        let url = queue["QueueUrl"].as_str().expect("a URL").to_owned();
        Queue::at(moto, name, url)
    }

    fn at(moto: &'a Moto, name: &str, url: String) -> Queue<'a> {
        Queue { moto, url, arn: format!("arn:aws:sqs:{REGION}:123456789012:{name}") }
    }

    pub async fn call(&self, operation: &str, mut parameters: Value) -> Value {
        parameters["QueueUrl"] = self.url.clone().into();
        self.moto.call("sqs", &format!("AmazonSQS.{operation}"), &parameters).await
    }

    pub async fn receive(&self) -> Vec<Value> {
        let ask = json!({ "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"] });
        let received = self.call("ReceiveMessage", ask).await;
        received["Messages"].as_array().cloned().unwrap_or_default()
    }

    pub async fn delete(&self, message: &Value) {
        self.call("DeleteMessage", json!({ "ReceiptHandle": message["ReceiptHandle"] })).await;
    }

    pub async fn show_again(&self, message: &Value) {
        let receipt = &message["ReceiptHandle"];
        let now = json!({ "ReceiptHandle": receipt, "VisibilityTimeout": 0 });
        self.call("ChangeMessageVisibility", now).await;
    }
}

/// The one key of a notification, which S3 sends encoded.
pub fn key(body: &str) -> String {
    let event: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(event["Records"].as_array().map(Vec::len), Some(1), "{event}");
    let key = event["Records"][0]["s3"]["object"]["key"].as_str().expect("a key");
    assert!(key.contains("%3D"), "{key} is not encoded");
    key.replace("%3D", "=").replace("%2F", "/")
}
