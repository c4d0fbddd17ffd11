//! One queue of a private moto: SQS as the event source mapping of Lambda uses it, and S3's
//! notifications to it. It hands nothing to a function by itself.

use std::sync::Arc;

use aws_sdk_s3::types::{
    Event, FilterRule, FilterRuleName, NotificationConfiguration, NotificationConfigurationFilter,
    QueueConfiguration, S3KeyFilter,
};
use lake::key::EVENT_FILTER;
use serde_json::{Value, json};

use crate::moto::{Moto, REGION};

pub struct Queue {
    moto: Arc<Moto>,
    pub url: String,
    pub arn: String,
}

impl Queue {
    pub async fn create(moto: &Arc<Moto>, name: &str, attributes: Value) -> Queue {
        let create = json!({ "QueueName": name, "Attributes": attributes });
        let queue = moto.call("sqs", "AmazonSQS.CreateQueue", &create).await;
        let url = queue["QueueUrl"].as_str().expect("a URL").to_owned();
        Queue::at(moto, name, url)
    }

    /// One that is there already.
    pub async fn find(moto: &Arc<Moto>, name: &str) -> Queue {
        let queue = moto.call("sqs", "AmazonSQS.GetQueueUrl", &json!({ "QueueName": name })).await;
        let url = queue["QueueUrl"].as_str().expect("a URL").to_owned();
        Queue::at(moto, name, url)
    }

    fn at(moto: &Arc<Moto>, name: &str, url: String) -> Queue {
        let arn = format!("arn:aws:sqs:{REGION}:123456789012:{name}");
        Queue { moto: Arc::clone(moto), url, arn }
    }

    pub async fn call(&self, operation: &str, mut parameters: Value) -> Value {
        parameters["QueueUrl"] = self.url.clone().into();
        self.moto.call("sqs", &format!("AmazonSQS.{operation}"), &parameters).await
    }

    /// Has S3 notify this queue of the objects that `aggregate` wants, and of no other.
    pub async fn listen_to(&self, bucket: &str) {
        let rule = |name, value: &str| FilterRule::builder().name(name).value(value).build();
        let filter = S3KeyFilter::builder()
            .filter_rules(rule(FilterRuleName::Prefix, EVENT_FILTER.0))
            .filter_rules(rule(FilterRuleName::Suffix, EVENT_FILTER.1))
            .build();
        let configuration = QueueConfiguration::builder()
            .queue_arn(&self.arn)
            .events(Event::from("s3:ObjectCreated:*"))
            .filter(NotificationConfigurationFilter::builder().key(filter).build())
            .build()
            .expect("all it needs");
        let all = NotificationConfiguration::builder().queue_configurations(configuration).build();
        let put = self.moto.s3().put_bucket_notification_configuration().bucket(bucket);
        put.notification_configuration(all).send().await.expect("configured");
    }

    /// Up to ten messages, hidden from now on as long as the queue says.
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

    /// What the event source mapping makes of received messages.
    pub fn event(&self, messages: &[Value]) -> Value {
        let record = |message: &Value| {
            json!({
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": self.arn,
                "awsRegion": REGION,
            })
        };
        json!({ "Records": messages.iter().map(record).collect::<Vec<_>>() })
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
