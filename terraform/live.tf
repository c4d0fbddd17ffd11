# The way from `query` to the live state that ingest tells on its machine: one port, from one group,
# inside the VPC. Containers of Fargate have no address that lasts: with Kinesis there is no way.

locals {
  # The subnet's own: AWS keeps the first four, and nothing else stands at this one.
  ingest_address = cidrhost(aws_subnet.public[var.zones[0]].cidr_block, 10)

  # Of the one function that asks.
  live = {
    network = {
      subnet_ids         = local.inside.subnet_ids
      security_group_ids = concat(local.inside.security_group_ids, aws_security_group.live[*].id)
    }
    environment = local.machine == 1 ? { LIVE_URL = "http://${local.ingest_address}:${local.live_port}" } : {}
  }
}

resource "aws_security_group" "live" {
  #checkov:skip=CKV2_AWS_5:query is in it, by way of local.live, which checkov does not follow.
  count = local.machine

  name        = "${local.name}-live"
  description = "query: reaches the live state of ingest, beside what functions reach."
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${local.name}-live" }
}

resource "aws_vpc_security_group_egress_rule" "live_to_ingest" {
  count = local.machine

  security_group_id            = aws_security_group.live[0].id
  description                  = "The live state of ingest."
  referenced_security_group_id = aws_security_group.ingest.id
  ip_protocol                  = "tcp"
  from_port                    = local.live_port
  to_port                      = local.live_port
}

resource "aws_vpc_security_group_ingress_rule" "ingest_from_live" {
  count = local.machine

  security_group_id            = aws_security_group.ingest.id
  description                  = "query, for the live state."
  referenced_security_group_id = aws_security_group.live[0].id
  ip_protocol                  = "tcp"
  from_port                    = local.live_port
  to_port                      = local.live_port
}
