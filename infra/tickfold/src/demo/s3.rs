//! An S3 server inside this process, over HTTP, which reports every object that is created; what
//! becomes of the reports, `notifications` knows. For one machine: objects are plain files.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, anyhow};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Error, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

/// What S3 would send a notification about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedObject {
    pub bucket: String,
    pub key: String,
    /// In bytes, as stored.
    pub size: u64,
}

/// The server, until it is dropped.
pub struct S3Server {
    client: Client,
    endpoint: String,
    access: String,
    secret: String,
    reported: Arc<AtomicU64>,
    _stop: DropGuard,
}

impl S3Server {
    /// Serves the buckets that lie below `root`, one folder each, and makes `bucket` if it is not
    /// there. A created object is reported before its writer gets the answer.
    pub async fn start(
        root: &Path,
        bucket: &str,
    ) -> anyhow::Result<(S3Server, mpsc::UnboundedReceiver<CreatedObject>)> {
        let folder = root.join(bucket);
        let no_folder = || format!("cannot make the folder {}", folder.display());
        std::fs::create_dir_all(&folder).with_context(no_folder)?;
        let files = FileSystem::new(root);
        let files = files.map_err(|error| anyhow!("cannot serve {}: {error:?}", root.display()))?;
        let (report, created) = mpsc::unbounded_channel();
        let reported = Arc::new(AtomicU64::new(0));
        let (files, root) = (Arc::new(files), root.to_owned());
        let reporting = Reporting { files, root, report, reported: Arc::clone(&reported) };

        // Only this process is to write: whoever else finds the port does not know the key.
        let (access, secret) = (random_name(), random_name());
        let mut service = S3ServiceBuilder::new(reporting);
        service.set_auth(SimpleAuth::from_single(access.clone(), secret.clone()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("cannot open a local port for the S3 server")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, service.build(), stop.clone()));
        let credentials = Credentials::new(&access, &secret, None, None, "embedded");
        let client = client(&endpoint, credentials);
        let asked = client.head_bucket().bucket(bucket).send().await;
        asked.with_context(|| format!("{bucket:?} is no bucket that S3 would make"))?;
        let _stop = stop.drop_guard();
        Ok((S3Server { client, endpoint, access, secret, reported, _stop }, created))
    }

    pub fn client(&self) -> Client {
        self.client.clone()
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The access key and the secret key, for a program that is to reach the server by itself.
    pub fn keys(&self) -> (&str, &str) {
        (&self.access, &self.secret)
    }

    /// How many created objects have been reported so far.
    pub fn reported(&self) -> u64 {
        self.reported.load(Ordering::SeqCst)
    }
}

fn random_name() -> String {
    format!("{:032x}", rand::random::<u128>())
}

fn client(endpoint: &str, credentials: Credentials) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws::https())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(endpoint)
        .force_path_style(true);
    Client::from_conf(config.build())
}

async fn accept(listener: TcpListener, service: S3Service, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let served = serve(stream, service.clone());
                tokio::spawn(stop.clone().run_until_cancelled_owned(served));
            }
            // Such as too many open files: the next moment may have room.
            Err(error) => {
                tracing::warn!("the S3 server cannot take a connection: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, service: S3Service) {
    // Without it an answer may wait for the acknowledgement of its own first half.
    let _ = stream.set_nodelay(true);
    let connection = auto::Builder::new(TokioExecutor::new());
    // A connection that breaks is the client's to retry, and the client tells.
    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
}

/// Files, and a report for each object that is created.
#[derive(Clone)]
struct Reporting {
    files: Arc<FileSystem>,
    root: PathBuf,
    report: mpsc::UnboundedSender<CreatedObject>,
    reported: Arc<AtomicU64>,
}

impl Reporting {
    /// Writes and reports to the end, even if the client hangs up meanwhile: an object without its
    /// report would be one that nobody looks at.
    async fn create<T: Send + 'static>(
        &self,
        bucket: String,
        key: String,
        write: impl Future<Output = S3Result<T>> + Send + 'static,
    ) -> S3Result<T> {
        let reporting = self.clone();
        let created = tokio::spawn(async move {
            let written = write.await?;
            reporting.created(bucket, key).map_err(S3Error::internal_error)?;
            Ok(written)
        });
        created.await.map_err(S3Error::internal_error)?
    }

    fn created(&self, bucket: String, key: String) -> io::Result<()> {
        let size = std::fs::metadata(self.root.join(&bucket).join(&key))?.len();
        // Nobody listens any more only when the process ends.
        let _ = self.report.send(CreatedObject { bucket, key, size });
        self.reported.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

macro_rules! serve_files {
    ($($operation:ident: $input:ident -> $output:ident),* $(,)?) => {
        #[async_trait::async_trait]
        impl S3 for Reporting {
            $(
                async fn $operation(
                    &self,
                    request: S3Request<$input>,
                ) -> S3Result<S3Response<$output>> {
                    self.files.$operation(request).await
                }
            )*

            async fn put_object(
                &self,
                request: S3Request<PutObjectInput>,
            ) -> S3Result<S3Response<PutObjectOutput>> {
                let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
                let files = Arc::clone(&self.files);
                let write = async move { files.put_object(request).await };
                self.create(bucket, key, write).await
            }

            async fn complete_multipart_upload(
                &self,
                request: S3Request<CompleteMultipartUploadInput>,
            ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
                let (bucket, key) = (request.input.bucket.clone(), request.input.key.clone());
                let files = Arc::clone(&self.files);
                let write = async move { files.complete_multipart_upload(request).await };
                self.create(bucket, key, write).await
            }
        }
    };
}

serve_files! {
    abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput,
    create_bucket: CreateBucketInput -> CreateBucketOutput,
    create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput,
    delete_object: DeleteObjectInput -> DeleteObjectOutput,
    delete_objects: DeleteObjectsInput -> DeleteObjectsOutput,
    get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput,
    get_object: GetObjectInput -> GetObjectOutput,
    head_bucket: HeadBucketInput -> HeadBucketOutput,
    head_object: HeadObjectInput -> HeadObjectOutput,
    list_buckets: ListBucketsInput -> ListBucketsOutput,
    list_objects: ListObjectsInput -> ListObjectsOutput,
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output,
    list_parts: ListPartsInput -> ListPartsOutput,
    upload_part: UploadPartInput -> UploadPartOutput,
}
