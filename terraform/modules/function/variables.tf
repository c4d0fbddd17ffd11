# What a function is made of; what calls it is said where the module is used.

variable "name" {
  description = "Name of the function: that of its folder in functions/."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z-]*[a-z]$", var.name))
    error_message = "name: the name of a folder in functions/, of a-z and -."
  }
}

variable "package" {
  description = "Folder of the zip file, if it is not the function's name: one program can be two functions."
  type        = string
  default     = null

  validation {
    condition     = var.package == null || can(regex("^[a-z][a-z-]*[a-z]$", var.package))
    error_message = "package: the name of a folder in functions/, of a-z and -."
  }
}

variable "common" {
  description = "What all functions share."
  type = object({
    prefix          = string
    account         = string
    arn             = string
    region          = string
    functions_dir   = string
    log_days        = number
    alarm_topic_arn = string
  })

  validation {
    condition     = startswith(var.common.arn, "arn:")
    error_message = "common.arn: the beginning of every ARN, such as arn:aws."
  }
}

variable "memory" {
  description = "Megabytes; processors come with them, one whole at 1769."
  type        = number

  validation {
    condition     = var.memory >= 128 && var.memory <= 10240
    error_message = "memory: 128 to 10240 megabytes."
  }
}

variable "timeout" {
  description = "Seconds after which a call is ended."
  type        = number

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900
    error_message = "timeout: 1 to 900 seconds."
  }
}

variable "concurrency" {
  description = "How many may run at a time; -1 is the account's limit."
  type        = number
  default     = -1

  validation {
    condition     = var.concurrency >= -1
    error_message = "concurrency: -1, or a number of functions."
  }
}

variable "environment" {
  description = "Environment of the program. It is shown to whoever may look at the function: no secrets."
  type        = map(string)
  default     = {}

  validation {
    condition = alltrue([
      for name in keys(var.environment) : can(regex("^[A-Z][A-Z0-9_]*$", name))
    ])
    error_message = "environment: names of A-Z 0-9 and _."
  }
}

variable "layers" {
  description = "ARNs of the layers, which appear in /opt."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.layers) <= 5
    error_message = "layers: at most 5, as Lambda allows."
  }
}

variable "network" {
  description = "Where the function stands in a VPC, or null: outside, with the internet and without the database."
  type        = object({ subnet_ids = list(string), security_group_ids = list(string) })
  default     = null

  validation {
    condition = try(
      length(var.network.subnet_ids) > 0 && length(var.network.security_group_ids) > 0,
      var.network == null,
    )
    error_message = "network: at least one subnet and one security group."
  }
}

variable "alarms" {
  description = "Which of its failures are told of: no errors where its caller fails with it, or where a queue repeats what failed and its DLQ tells; no throttles where nobody waits for it, since Lambda itself or the clock calls again."
  type        = set(string)
  default     = ["errors", "throttles"]

  validation {
    condition     = length(setsubtract(var.alarms, ["errors", "throttles"])) == 0
    error_message = "alarms: of errors and throttles."
  }
}

variable "statements" {
  description = "What the function may do, beside writing its log, by the statement's name."
  type = map(object({
    actions   = list(string)
    resources = list(string)
    condition = optional(map(map(list(string))), {})
  }))
  default = {}

  validation {
    condition = alltrue([
      for action in flatten(values(var.statements)[*].actions) :
      can(regex("^[a-z0-9-]+:[A-Za-z]+$", action))
    ])
    error_message = "statements: actions are named one by one, as in s3:GetObject, without *."
  }

  # Where the rest of an ARN is known only later, its beginning still is.
  validation {
    condition = alltrue([
      for resource in flatten(values(var.statements)[*].resources) : !startswith(resource, "*")
    ])
    error_message = "statements: resources are named by their ARNs; * alone is everything."
  }
}
