-- Whether this server lets accounts log in with IAM: RDS does with a plugin of its own.
select count(*) from information_schema.plugins where plugin_name = 'AWSAuthenticationPlugin'
