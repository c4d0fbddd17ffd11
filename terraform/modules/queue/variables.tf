# How long a queue keeps, hides and repeats messages; who sends and who receives is said where the
# module is used.

variable "name" {
  description = "Name of the function that the queue is for."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z-]*[a-z]$", var.name))
    error_message = "name: the name of a folder in functions/, of a-z and -."
  }
}

variable "prefix" {
  description = "Prefix of every name that has to be unique in the account."
  type        = string

  validation {
    condition     = var.prefix != ""
    error_message = "prefix: it is empty."
  }
}

variable "timeout" {
  description = "Seconds after which a call of the function is ended."
  type        = number

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900
    error_message = "timeout: 1 to 900 seconds, as Lambda's."
  }
}

variable "window" {
  description = "Seconds for which Lambda gathers a batch."
  type        = number

  validation {
    condition     = var.window >= 0 && var.window <= 300
    error_message = "window: 0 to 300 seconds."
  }
}

variable "senders" {
  description = "Services of AWS that send, each for one ARN of an account, by the statement's name. Roles that send say so themselves."
  type        = map(object({ service = string, arn = string, account = string }))
  default     = {}

  validation {
    condition     = alltrue([for it in values(var.senders) : endswith(it.service, ".amazonaws.com")])
    error_message = "senders: services, such as s3.amazonaws.com."
  }
}

variable "attempts" {
  description = "Deliveries of a message before it goes to the DLQ."
  type        = number
  default     = 5

  # Lambda wants five or more: a message that was only throttled has failed too.
  validation {
    condition     = var.attempts >= 5 && var.attempts <= 1000
    error_message = "attempts: 5 to 1000."
  }
}

variable "alarms" {
  description = "Which alarms the queue has: of messages that were given up, that wait long, that are many."
  type        = set(string)
  default     = ["dlq-depth", "queue-age", "queue-depth"]

  # What is given up is lost if nobody hears of it.
  validation {
    condition     = contains(var.alarms, "dlq-depth") && length(setsubtract(var.alarms, ["dlq-depth", "queue-age", "queue-depth"])) == 0
    error_message = "alarms: dlq-depth, and perhaps queue-age and queue-depth."
  }
}

variable "age_alarm" {
  description = "Seconds that the oldest message may wait before there is an alarm."
  type        = number
  default     = 900

  validation {
    condition     = var.age_alarm >= 60
    error_message = "age_alarm: at least 60 seconds."
  }
}

variable "depth_alarm" {
  description = "Messages that may wait before there is an alarm."
  type        = number
  default     = 1000

  validation {
    condition     = var.depth_alarm >= 1
    error_message = "depth_alarm: at least 1 message."
  }
}

variable "alarm_topic_arn" {
  description = "The SNS topic that is told of alarms."
  type        = string

  validation {
    condition     = startswith(var.alarm_topic_arn, "arn:")
    error_message = "alarm_topic_arn: the ARN of an SNS topic."
  }
}
