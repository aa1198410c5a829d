# Directives of nginx that locations inherit from http and server change neither
# what the module sends nor the outcome of updates and webhooks nor the
# responses to clients.  All directives of the nginx under test are checked.

use strict;
use warnings;

use Test::More;

use Reauth::Directives ();
use Reauth::Peer ();
use Reauth::Test redis => 0, sandbox => 0;
use Reauth::Webhook;

my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my ($binary) = grep { -f && -x } $nginx,
    map { "$_/$nginx" } split(/:/, $ENV{PATH}), '/usr/sbin';

my $has = Reauth::Directives::of($binary);

# The server in front of the API, and other destinations of requests.

my $started = started_at(0);
my $work    = work_dir();

my $log = "$work/requests";

my $lost_log = "$work/lost";

sub note_request {
    my ($to, $request) = @_;

    open my $out, '>>', $to or die "$to: $!\n";
    print {$out} $request =~ s/\r\n/ | /gr =~ s/\n/ /gr . "\n";
    return close $out;
}

sub noted {
    my ($from) = @_;

    return -e $from ? split(/\n/, Reauth::Test::slurp($from)) : ();
}

my $upstream = Reauth::Peer->start(sub {
    my ($request) = @_;

    note_request($log, $request);

    return Reauth::Peer::response('422 Unprocessable Entity',
        '{"error":"NO","message":"refused"}') if $request =~ /acct_refused/;
    return Reauth::Peer::response('200 OK', 'no json')
        if $request =~ /acct_broken/;
    return Reauth::Peer::response('302 Found', '', 'Location: /elsewhere')
        if $request =~ /acct_moved/;
    return Reauth::Peer::accepted('auth_one') if $request =~ /\APUT /;
    return Reauth::Peer::response('200 OK', '{"state":"authenticated",'
        . '"progress":"signed_in","lastAttempt":{"started_at":"'
        . started_at(0) . '","success":true,"completed_at":"'
        . started_at(0) . '"}}', 'Cache-Control: max-age=60',
        'Expires: Thu, 31 Dec 2037 23:55:55 GMT')
        if $request =~ m{\AGET /api/authenticate/};
    return Reauth::Peer::response('200 OK', '{"data":[]}');
});

my $other = Reauth::Peer->start(sub {
    note_request($lost_log, $_[0]);
    return Reauth::Peer::response('200 OK', '{}');
});

my ($to, $away) = ($upstream->port, $other->port);

# ---- the table ---------------------------------------------------------------

# Values with which nothing may change.  Paths are below the test's directory;
# /other is a location that passes requests to another server.

my %holds = (
    absolute_redirect            => 'off',
    aio                          => 'threads',
    aio_write                    => 'on',
    ancient_browser              => 'Mozilla',
    ancient_browser_value        => 'x',
    auth_delay                   => '1ms',
    autoindex                    => 'on',
    charset_types                => '*',
    client_body_buffer_size      => '1',
    client_body_in_file_only     => 'on',
    client_body_in_single_buffer => 'on',
    create_full_put_path         => 'on',
    dav_access                   => 'all:rw',
    dav_methods                  => 'PUT DELETE',
    default_type                 => 'text/html',
    directio                     => '512',
    error_page                   => '301 302 400 403 404 405 409 413 415 422'
                                    . ' 429 500 502 503 504 =200 /other',
    etag                         => 'off',
    gunzip                       => 'on',
    gzip_static                  => 'always',
    if_modified_since            => 'before',
    index                        => 'other',
    keepalive_disable            => 'none',
    limit_rate_after             => '1',
    lingering_close              => 'always',
    log_escape_non_ascii         => 'off',      # OpenResty
    log_not_found                => 'off',
    log_subrequest               => 'on',
    max_ranges                   => '0',
    merge_slashes                => 'off',
    mirror                       => '/other',
    mirror_request_body          => 'on',
    modern_browser               => 'unlisted',
    msie_padding                 => 'off',
    msie_refresh                 => 'on',
    open_file_cache              => 'max=10',
    output_buffers               => '1 1k',
    port_in_redirect             => 'off',
    postpone_output              => '0',
    proxy_buffering              => 'off',
    proxy_buffers                => '4 1k; proxy_buffer_size 1k;'
                                    . ' proxy_busy_buffers_size 2k',
    proxy_cache                  => 'hold',
    proxy_cache_background_update => 'on',
    proxy_cache_convert_head     => 'off',
    proxy_cache_key              => 'same',
    proxy_cache_lock             => 'on',
    proxy_cache_methods          => 'GET HEAD POST',
    proxy_cache_use_stale        => 'error timeout updating http_500',
    proxy_cache_valid            => 'any 1h',
    proxy_force_ranges           => 'on',
    proxy_ignore_client_abort    => 'off',
    proxy_intercept_errors       => 'on',
    proxy_limit_rate             => '1',
    proxy_max_temp_file_size     => '0',
    proxy_method                 => 'DELETE',
    proxy_next_upstream          => 'error timeout invalid_header http_500'
                                    . ' http_404 non_idempotent',
    proxy_pass_request_body      => 'off',
    proxy_pass_request_headers   => 'off',
    proxy_redirect               => 'off',
    proxy_request_buffering      => 'off',
    proxy_set_body               => 'other',
    proxy_store                  => "$work/store\$uri",
    proxy_store_access           => 'all:rw',
    proxy_temp_file_write_size   => '8k',
    postpone_gzipping            => '10',
    random_index                 => undef,
    read_ahead                   => '1k',
    recursive_error_pages        => 'on',
    reset_timedout_connection    => 'on',
    rewrite_log                  => 'on',
    root                         => "$work/root",
    send_lowat                   => '0',
    sendfile                     => 'on',
    sendfile_max_chunk           => '1k',
    server_name_in_redirect      => 'on',
    source_charset               => 'koi8-r',
    ssi_silent_errors            => 'on',
    ssi_types                    => '*',
    sub_filter_types             => '*',
    subrequest_output_buffer_size => '1',
    tcp_nodelay                  => 'off',
    tcp_nopush                   => 'on',
    try_files                    => '/none /other',
    types                        => '{ text/html json; }',
    underscores_in_headers       => 'on',
    uninitialized_variable_warn  => 'off',
    chunked_transfer_encoding    => 'off',
    early_hints                  => '1',
    gzip_types                   => '*',
    proxy_pass_trailers          => 'on',
    slice                        => '1k',
);

# Values that have an effect according to docs/directives.md, and on what.

my $client  = 'responses to clients';
my $access  = 'who may ask, and how often';
my $server  = 'decided before any location';
my $sending = 'how the location reaches the upstream';

my %documented = (
    (map { $_ => $client } qw(add_after_body add_before_body
        add_header add_header_inherit add_trailer add_trailer_inherit
        addition_types charset
        post_action expires gzip
        override_charset sub_filter ssi userid limit_rate server_tokens
        proxy_hide_header proxy_pass_header proxy_ignore_headers
        proxy_cookie_domain proxy_cookie_flags proxy_cookie_path)),
    (map { $_ => $access } qw(allow deny auth_basic auth_basic_user_file
        auth_request auth_request_set limit_conn limit_req satisfy
        disable_symlinks)),
    (map { $_ => $server } qw(if return rewrite set break
        client_body_early_read)),
    (map { $_ => $sending } qw(proxy_bind proxy_connect_timeout
        proxy_http_version proxy_next_upstream_timeout
        proxy_next_upstream_tries proxy_read_timeout proxy_send_timeout
        proxy_send_lowat proxy_set_header proxy_socket_keepalive
        proxy_socket_rcvbuf proxy_socket_sndbuf resolver resolver_timeout)),
);

# These change a response by design, or control other directives.

my %apart = map { $_ => 1 } qw(
    access_log alias auth_basic_user_file autoindex_exact_size
    autoindex_format autoindex_localtime charset_map client_body_temp_path
    client_body_timeout client_header_buffer_size client_header_timeout
    client_max_body_size connection_pool_size directio_alignment
    empty_gif error_log flv geo gunzip_buffers gzip_buffers gzip_comp_level
    gzip_disable gzip_hash gzip_http_version gzip_min_length gzip_no_buffer
    gzip_proxied gzip_vary gzip_window ignore_invalid_headers include internal
    keepalive_min_timeout keepalive_requests keepalive_time keepalive_timeout
    large_client_header_buffers limit_conn_dry_run limit_conn_log_level
    limit_conn_status limit_conn_zone limit_except limit_req_dry_run
    limit_req_log_level limit_req_status limit_req_zone lingering_time
    lingering_timeout listen location log_format map map_hash_bucket_size
    map_hash_max_size max_headers min_delete_depth modern_browser_value mp4
    mp4_buffer_size mp4_max_buffer_size mp4_start_key_frame
    open_file_cache_errors open_file_cache_events open_file_cache_min_uses
    open_file_cache_valid open_log_file_cache proxy_buffer_size
    proxy_busy_buffers_size proxy_cache_bypass
    proxy_cache_lock_age proxy_cache_lock_timeout proxy_cache_max_range_offset
    proxy_cache_min_uses proxy_cache_path proxy_cache_revalidate
    proxy_headers_hash_bucket_size proxy_headers_hash_max_size proxy_no_cache
    proxy_pass proxy_temp_path real_ip_header real_ip_recursive
    referer_hash_bucket_size referer_hash_max_size request_pool_size
    secure_link secure_link_md5 secure_link_secret send_timeout server
    server_name server_names_hash_bucket_size server_names_hash_max_size
    set_real_ip_from split_clients ssi_ignore_recycled_buffers
    ssi_last_modified ssi_min_file_chunk ssi_value_length stub_status
    sub_filter_last_modified sub_filter_once types_hash_bucket_size
    types_hash_max_size upstream userid_domain userid_expires userid_flags
    userid_mark userid_name userid_p3p userid_path userid_service
    valid_referers variables_hash_bucket_size variables_hash_max_size
);

# Families: of other content handlers, of TLS, of protocols.

my $families = qr/\A(?:fastcgi|scgi|uwsgi|grpc|memcached|tunnel|ssl|proxy_ssl
                   |http2|http3|quic|reauth)(?:_|\z)/x;

# ---- a scenario
# ----------------------------------------------------------------

sub files {
    return grep { -f } glob("$_[0]/*"), glob("$_[0]/*/*"), glob("$_[0]/*/*/*");
}

sub shown {
    my ($answer) = @_;

    my $headers = $answer->{headers};

    return join ' | ', $answer->{status},
        (map { "$_: " . ($headers->{$_} // '-') } qw(content-type retry-after
            cache-control location content-encoding)),
        $answer->{body} =~ s/"(at|[a-z_]+_at|since|deadline)":"[^"]*"/"$1":""/gr
            =~ s/"decision[a-z_]*":"[^"]*"//gr;
}

my $number = 0;

# The observed results, as lines.

sub story {
    my ($http, $server) = @_;

    my $seen = () = noted($log);
    my $lost = () = noted($lost_log);
    my $name = 'g' . $number++;

    my $gateway = gateway(
        name        => $name,
        http_config => "$http\nproxy_cache_path $work/$name.cache"
            . " keys_zone=hold:1m;\nupstream fans_api {"
            . " server 127.0.0.1:$to; }\n",
        config      => <<"EOC",
$server
reauth_poll on /upstream interval=100ms max_interval=100ms rate=50r/s;
location = /reauth/webhook {
    reauth_webhook \$TEST_NGINX_WEBHOOK_SECRET;
}
location /other {
    mirror off;
    error_page 599 /none;
    proxy_pass http://127.0.0.1:$away;
}
EOC
    );

    my @seen;
    my %accept = ('Accept-Encoding' => 'gzip', Purpose => 'ordinary call');

    for my $account (qw(acct_one acct_refused acct_broken acct_moved)) {
        push @seen, "$account: " . shown($gateway->update($account,
            { email => 'ok@example.com', password => 'CANARY-password' }));
    }

    push @seen, 'invalid: ' . shown($gateway->http('PUT',
        '/api/authenticate/acct_two/credentials', {}, { email => 1 }));
    push @seen, 'no path: ' . shown($gateway->http('DELETE',
        '/api/authenticate/acct_two/credentials'));

    $gateway->http('GET', '/api/acct_one/chats', \%accept);

    push @seen, 'poll ends it: ' . (wait_for {
        ($gateway->http('GET', '/reauth/accounts/acct_one')->{json}{state}
            // '') eq 'succeeded'
    } ? 'yes' : 'no');

    push @seen, 'webhook: ' . shown(deliver($gateway,
        event('authentication.succeeded', 'acct_three',
            started_at => $started, completed_at => $started)));

    $gateway->http('GET', '/api/acct_one/chats', \%accept);
    $gateway->stop;

    my @requests = noted($log);
    splice @requests, 0, $seen;

    push @seen, map { "sent: $_" }
        sort grep { m{/authenticate|CANARY|webhook} } @requests;

    my @lost = noted($lost_log);
    splice @lost, 0, $lost;

    # mirror is configured for ordinary calls

    push @seen, map { "copied: $_" } grep { !/Purpose: ordinary/ } @lost;
    push @seen, map { "on disk: $_" }
        grep { Reauth::Test::slurp($_) =~ /CANARY|auth_one|acct_three/ }
        files("$work/$name/client_body_temp"), files("$work/store");

    return @seen;
}

sub lines { return join "\n", @_; }

# ---- completeness ------------------------------------------------------------

cmp_ok(scalar(keys %$has), '>', 300, 'the binary has been read');

SKIP: {
    skip 'a fork of nginx, with directives of its own', 1
        if qx{$nginx -v 2>&1} !~ m{nginx version: nginx/};

    is(join(' ', grep { !exists $holds{$_} && !$documented{$_} && !$apart{$_}
        && $_ !~ $families
        && ($has->{$_}{server}
            || $has->{$_}{http} && $has->{$_}{location}) } sort keys %$has), '',
       'every inheritable directive is in the table');
}

# ---- the checks
# ----------------------------------------------------------------

my @plain = story('', '');

like(lines(@plain), qr/poll ends it: yes/, 'a plain configuration works');

sub config_of {
    return join '', map {
        "$_ $holds{$_}" . ($holds{$_} =~ /\}\z/ ? '' : ';') . "\n"
    } @_;
}

# The directives of the list that change a result.

sub guilty {
    my ($level, @list) = @_;

    return if !@list;

    my $config = config_of(@list);
    my @seen   = eval {
        $level eq 'http' ? story($config, '') : story('', $config);
    } or return @list == 1 ? ($list[0] . ": $@") : halves($level, @list);

    return if lines(@seen) eq lines(@plain);
    return halves($level, @list) if @list > 1;

    my %plain = map { $_ => 1 } @plain;
    my %new   = map { $_ => 1 } @seen;

    return "$list[0] $holds{ $list[0] }:\n" . lines(
        (map { "  not: $_" } grep { !$new{$_} } @plain),
        (map { "  but: $_" } grep { !$plain{$_} } @seen));
}

sub halves {
    my ($level, @list) = @_;

    my @second = splice @list, @list / 2;

    return (guilty($level, @list), guilty($level, @second));
}

for my $level (qw(http server)) {
    my @list = grep { defined $holds{$_} && $has->{$_}{$level} }
        sort keys %holds;

    # nginx does not accept proxy_store together with proxy_cache

    my @guilty = (guilty($level, grep { $_ ne 'proxy_store' } @list),
        guilty($level, 'proxy_store'));

    is(join("\n", @guilty), '',
        @list . " directives of $level change nothing");
}

done_testing();
