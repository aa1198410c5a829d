-- Whether Redis does what a change takes, without one: leaves keys that expire.
--
-- KEYS: a text, a sorted set, a stream
-- ARGV: 1 the writer's name
--
-- Returns 1.

redis.call('SET', KEYS[1], ARGV[1], 'EX', 60)

redis.call('ZADD', KEYS[2], 1, ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])

redis.call('XADD', KEYS[3], 'MAXLEN', 1, '*', ARGV[1], '')
redis.call('EXPIRE', KEYS[3], 60)

return 1
