# Which function, and when.

variable "name" {
  description = "Name of the function: that of its folder in functions/."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z-]*[a-z]$", var.name))
    error_message = "name: the name of a folder in functions/, of a-z and -."
  }
}

variable "common" {
  description = "What all functions share: of it the prefix of names and the account."
  type        = object({ prefix = string, account = string })

  validation {
    condition     = can(regex("^[0-9]{12}$", var.common.account))
    error_message = "common.account: twelve digits."
  }
}

variable "function_arn" {
  description = "ARN of the function."
  type        = string

  validation {
    condition     = startswith(var.function_arn, "arn:")
    error_message = "function_arn: an ARN."
  }
}

variable "expression" {
  description = "When, in the scheduler's words and in UTC: rate(5 minutes), cron(0 2 * * ? *)."
  type        = string

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.expression))
    error_message = "expression: rate(...) or cron(...)."
  }
}

variable "event" {
  description = "What the function is called with."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for value in values(var.event) : value != ""])
    error_message = "event: no value is empty."
  }
}
