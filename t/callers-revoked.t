# A token that was removed from the callers file: requests that began with it
# and have no response yet are ended, whether or not the caller has a new token.

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Test::More;

use Reauth::Stream ();
use Reauth::Test redis => 0, sandbox_options => ['--hold'];

my $file = work_dir() . '/callers';

sub callers {
    my ($alice, $scopes) = @_;

    open my $out, '>', "$file.new" or die $!;
    print {$out} 'all sha256:', sha256_hex('all'), " all\n",
        'alice sha256:', sha256_hex($alice), " $scopes\n";
    close $out;
    chmod oct 644, "$file.new";
    rename "$file.new", $file;

    return;
}

callers('one', 'status,call');

my $gateway = gateway(counted => 1,
    http_config => "reauth_callers_file $file; reauth_gate_hold 60s;");

sub log_in {
    my ($account) = @_;

    return $gateway->update($account, 'ok',
        headers => { Authorization => 'Bearer all' })->{json}{attempt_id};
}

sub open_as {
    my ($token, $path) = @_;

    return Reauth::Stream->open($gateway, 'GET', $path,
        { Authorization => "Bearer $token", Prefer => 'wait=60' });
}

sub status {
    my ($token, $path) = @_;

    return $gateway->http('GET', $path,
        { Authorization => "Bearer $token" })->{status};
}

for my $case (
    [ 'another token', 'one', 'two', 'status,call', 401 ],
    [ 'fewer scopes',  'two', 'two', 'update',      403 ],
) {
    my ($name, $old, $new, $scopes, $expected) = @$case;

    (my $word = $name) =~ tr/ /_/;
    my $held = "acct_held_$word";
    my $id   = log_in($held);

    my $stream  = open_as($old, '/reauth/events');
    my $list    = open_as($old, '/reauth/accounts?wait=60s');
    my $account = open_as($old, "/reauth/accounts/$held?wait=60s");
    my $call    = open_as($old, "/api/$held/me");

    ok($stream->saw(qr/^id: /m), "$name: the event stream begins");
    $gateway->works_at(4, { Authorization => 'Bearer all' });
    ok($_->is_open, "$name: the request waits") for $list, $account, $call;

    callers($new, $scopes);
    ok(wait_for(sub { status($old, '/reauth/accounts') == $expected },
        'the new file'), "$name: the changed file is in force");

    log_in("acct_after_$word");
    sandbox('POST', "/finish/$held");
    $gateway->http('GET', "/api/authenticate/$id",
        { Authorization => 'Bearer all' });

    is($_->finish->{status}, $expected,
        "$name: the waiting requests are rejected")
        for $list, $account, $call;

    ok(wait_for(sub { $stream->saw(qr/never/, 0.1); !$stream->is_open },
        'its end'), "$name: the stream ends");
    unlike($stream->text, qr/acct_after/,
        "$name: the stream sends no further event");

    callers('two', 'status,call');
    ok(wait_for(sub { status('two', '/reauth/accounts') == 200 },
        'the new token'), "$name: the new token is good");
}

done_testing();
