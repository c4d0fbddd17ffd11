# What the machine of ingest has to know; each has a value in ingest.tf.

variable "region" {
  description = "Region of the bucket, the registry and the logs."
  type        = string
}

variable "dns_suffix" {
  description = "What AWS's names end with: amazonaws.com, but for China."
  type        = string
}

variable "images" {
  description = "The containers, each with a tag that names one version."
  type        = object({ kafka = string, vector = string, ingest = string })

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex(":[^:/]+$", image)) && !endswith(image, ":latest")])
    error_message = "images: a tag that names one version, not latest and not none."
  }
}

variable "log_group" {
  description = "Beginning of the log groups' names: <log_group>/kafka, /vector and /ingest."
  type        = string
}

variable "bucket" {
  description = "The bucket of trades."
  type        = string
}

variable "feeds" {
  description = "What is listened to."
  type        = list(object({ exchange = string, symbols = list(string), stream = optional(string) }))
}

variable "books" {
  description = "Whether order books are read too."
  type        = bool
}

variable "spreads" {
  description = "Which symbols the live state sets against each other."
  type        = list(object({ of = string, against = string }))
}

variable "topics" {
  description = "What ingest writes to: {exchange}.trades, and {exchange}.books where books are read."
  type        = list(string)
}

variable "live_port" {
  description = "Where ingest tells of this moment."
  type        = number
}

variable "local_kafka" {
  description = "Run Kafka here; else the brokers are MSK's."
  type        = bool
}

variable "volume_id" {
  description = "The disk of Kafka, where it runs here."
  type        = string
  default     = ""
}

variable "brokers" {
  description = "Bootstrap servers: of ingest, and of Vector, which speaks to MSK by another port."
  type        = object({ ingest = string, vector = string })
}

variable "partition" {
  description = "The topics' partitions and how long they keep a line."
  type        = object({ count = number, retention_minutes = number })
}
