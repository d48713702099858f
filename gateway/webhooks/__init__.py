"""Tells a server of the operator's what happens to calls: by POST, signed, again until it answers.

The format is that of Standard Webhooks (https://www.standardwebhooks.com): receivers have libraries
for it. An event is on the disk before it is sent, so that no restart loses one. No call waits here.
"""
